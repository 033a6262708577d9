using System;
using System.Threading.Tasks;

namespace Lambent.Runtime
{
    /// <summary>
    /// Responses in pieces. A handler that asks Amazon.Lambda.Core for a response stream has its answer sent as it writes;
    /// what it returns is of no importance then.
    /// </summary>
    internal sealed class ResponseStreams
    {
        /// <summary>AWS: between the prelude of an HTTP response and its body.</summary>
        private const int DelimiterBytes = 8;

        private readonly object oneAtATime = new object();
        private readonly RuntimeApi api;
        private string requestId;
        private bool isOpen;
        private bool isEnded;
        private long bytesWritten;

        internal ResponseStreams(RuntimeApi api)
        {
            this.api = api;
        }

        internal void Begin(string ofInvocation)
        {
            requestId = ofInvocation;
            isOpen = false;
            isEnded = false;
            bytesWritten = 0;
        }

        /// <summary>
        /// Ends the invocation's stream, with what the function has thrown if it has; false where it has none and is yet to
        /// be answered.
        /// </summary>
        internal bool End(ErrorReport error)
        {
            lock (oneAtATime)
            {
                requestId = null;
                if (!isOpen) return false;
                isEnded = true;
            }
            api.EndStream(error);
            return true;
        }

        /// <summary>T is Amazon.Lambda.Core's interface for the stream.</summary>
        internal T Open<T>(byte[] prelude)
        {
            lock (oneAtATime)
            {
                if (requestId == null) throw new InvalidOperationException("A response stream can only be created within a Lambda handler invocation.");
                if (isOpen) throw new InvalidOperationException("A response stream can only be created once per invocation.");
                isOpen = true;
                api.BeginStream(requestId);
                if (prelude != null && prelude.Length > 0)
                {
                    api.WritePiece(prelude, 0, prelude.Length);
                    api.WritePiece(new byte[DelimiterBytes], 0, DelimiterBytes);
                }
            }
            return (T)ContextProxy.Calls(typeof(T), Call);
        }

        private object Call(string name, object[] arguments)
        {
            switch (name)
            {
                case "WriteAsync":
                    Write((byte[])arguments[0], (int)arguments[1], (int)arguments[2]);
                    return Task.CompletedTask;
                case "get_BytesWritten": return bytesWritten;
                default: return null;
            }
        }

        private void Write(byte[] buffer, int offset, int count)
        {
            if (buffer == null) throw new ArgumentNullException(nameof(buffer));
            if (offset < 0 || offset > buffer.Length) throw new ArgumentOutOfRangeException(nameof(offset));
            if (count < 0 || count > buffer.Length - offset) throw new ArgumentOutOfRangeException(nameof(count));
            lock (oneAtATime)
            {
                if (isEnded || !isOpen) throw new InvalidOperationException("Cannot write to a completed stream.");
                bytesWritten += count;
                // An empty piece would be the end.
                if (count > 0) api.WritePiece(buffer, offset, count);
            }
        }
    }
}
