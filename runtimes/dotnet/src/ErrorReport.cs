using System;
using System.Collections.Generic;
using System.Text;

namespace Lambent.Runtime
{
    /// <summary>What the Runtime API is told about a failure, in the form of AWS's .NET runtimes.</summary>
    internal sealed class ErrorReport
    {
        /// <summary>AWS: a longer report is replaced.</summary>
        private const int BytesMax = 256 * 1024;
        private const string TooLong = "{\"errorMessage\": \"Exception exceeded maximum payload size of 256KB.\"}";
        /// <summary>Causes within causes; a longer chain is cut off.</summary>
        private const int DepthMax = 20;
        /// <summary>Frames of this client, and of the reflection by which it calls functions.</summary>
        private static readonly string[] OwnFrames =
        {
            "at Lambent.Runtime.", "at System.RuntimeMethodHandle.", "at System.Reflection.", "at InvokeStub_",
            "at System.RuntimeType.CreateInstance", "at System.RuntimeTypeHandle.", "at System.Activator.", "at System.Runtime.CompilerServices.RuntimeHelpers.RunClassConstructor",
        };

        private readonly Exception error;

        internal ErrorReport(Exception error)
        {
            this.error = error;
        }

        internal string ErrorType => error.GetType().Name;

        internal byte[] ToJson()
        {
            var json = new StringBuilder();
            Append(json, error, "", 0);
            var bytes = Encoding.UTF8.GetBytes(json.ToString());
            return bytes.Length <= BytesMax ? bytes : Encoding.UTF8.GetBytes(TooLong);
        }

        private static void Append(StringBuilder json, Exception error, string indent, int depth)
        {
            var inner = indent + "  ";
            json.Append("{\n").Append(inner).Append("\"errorType\": ").AppendJson(error.GetType().Name);
            json.Append(",\n").Append(inner).Append("\"errorMessage\": ").AppendJson(error.Message ?? "");
            var frames = FramesOf(error);
            if (frames.Count > 0)
            {
                json.Append(",\n").Append(inner).Append("\"stackTrace\": [\n");
                for (var at = 0; at < frames.Count; at++)
                    json.Append(at == 0 ? "" : ",\n").Append(inner).Append("  ").AppendJson(frames[at]);
                json.Append('\n').Append(inner).Append(']');
            }
            if (depth < DepthMax) AppendCauses(json, error, inner, depth + 1);
            json.Append('\n').Append(indent).Append('}');
        }

        private static void AppendCauses(StringBuilder json, Exception error, string indent, int depth)
        {
            if (error.InnerException != null)
            {
                json.Append(",\n").Append(indent).Append("\"cause\": ");
                Append(json, error.InnerException, indent, depth);
            }
            if (!(error is AggregateException aggregate) || aggregate.InnerExceptions.Count == 0) return;
            json.Append(",\n").Append(indent).Append("\"causes\": [\n");
            for (var at = 0; at < aggregate.InnerExceptions.Count; at++)
            {
                json.Append(at == 0 ? "" : ",\n").Append(indent).Append("  ");
                Append(json, aggregate.InnerExceptions[at], indent + "  ", depth);
            }
            json.Append('\n').Append(indent).Append(']');
        }

        /// <summary>The function's own frames; all of them where it has none.</summary>
        private static List<string> FramesOf(Exception error)
        {
            var frames = new List<string>();
            foreach (var line in (error.StackTrace ?? "").Split('\n'))
                if (line.Trim().Length > 0) frames.Add(line.Trim());
            var count = frames.Count;
            while (count > 0 && IsOwn(frames[count - 1])) count--;
            if (count > 0) frames.RemoveRange(count, frames.Count - count);
            return frames;
        }

        private static bool IsOwn(string frame)
        {
            return Array.Exists(OwnFrames, own => frame.StartsWith(own, StringComparison.Ordinal));
        }
    }
}
