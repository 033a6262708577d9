using System;
using System.Collections.Generic;
using System.Globalization;
using System.IO;
using System.Net;
using System.Net.Sockets;
using System.Text;

namespace Lambent.Runtime
{
    /// <summary>
    /// The Runtime API over one kept-alive connection, one exchange at a time, each request in a single write. Waiting for
    /// an event has no time limit. A kept-alive connection that was closed before it answered is opened again once, as
    /// HTTP clients do. A socket, because it is ready sooner than an HttpClient.
    /// </summary>
    internal sealed class RuntimeApi
    {
        private const string Base = "/2018-06-01/runtime";

        private readonly string host;
        private readonly IPEndPoint endpoint;
        private Socket socket;
        private AnswerReader reader;

        internal RuntimeApi(string address)
        {
            var colon = address.LastIndexOf(':');
            host = address.Substring(0, colon);
            var port = int.Parse(address.Substring(colon + 1), CultureInfo.InvariantCulture);
            endpoint = new IPEndPoint(IPAddress.Parse(host), port);
        }

        /// <summary>Throws IOException when the platform has hung up.</summary>
        internal RuntimeEvent Next()
        {
            var answer = Exchange("GET " + Base + "/invocation/next", "", new byte[0]);
            if (answer.Status != 200) throw Unexpected("next", answer);
            return new RuntimeEvent(answer.Headers, answer.Body);
        }

        internal void PostResponse(string requestId, byte[] body)
        {
            var answer = Post("/invocation/" + requestId + "/response", "", body);
            // 413: the platform has told the caller about the oversized response itself; this environment goes on.
            if (answer.Status != 202 && answer.Status != 413) throw Unexpected("response", answer);
        }

        internal void PostError(string requestId, ErrorReport report)
        {
            ExpectAccepted("error", Post("/invocation/" + requestId + "/error", TypeHeader(report), report.ToJson()));
        }

        internal void PostInitError(ErrorReport report)
        {
            ExpectAccepted("init/error", Post("/init/error", TypeHeader(report), report.ToJson()));
        }

        /// <summary>
        /// The answer in pieces, on the connection that has brought the event: its head, each piece, and the end, with the
        /// error in trailers where there is one.
        /// </summary>
        internal void BeginStream(string requestId)
        {
            Send(Encoding.ASCII.GetBytes(
                "POST " + Base + "/invocation/" + requestId + "/response HTTP/1.1\r\nHost: " + host +
                "\r\nContent-Type: application/vnd.awslambda.http-integration-response\r\n" +
                "Lambda-Runtime-Function-Response-Mode: streaming\r\nTransfer-Encoding: chunked\r\n" +
                "Trailer: Lambda-Runtime-Function-Error-Type, Lambda-Runtime-Function-Error-Body\r\n\r\n"));
        }

        internal void WritePiece(byte[] bytes, int offset, int count)
        {
            var head = Encoding.ASCII.GetBytes(count.ToString("X", CultureInfo.InvariantCulture) + "\r\n");
            var piece = new byte[head.Length + count + 2];
            Buffer.BlockCopy(head, 0, piece, 0, head.Length);
            Buffer.BlockCopy(bytes, offset, piece, head.Length, count);
            piece[piece.Length - 2] = (byte)'\r';
            piece[piece.Length - 1] = (byte)'\n';
            try
            {
                Send(piece);
            }
            catch (SocketException error)
            {
                throw new IOException("The response could not be sent: " + error.Message, error);
            }
        }

        internal void EndStream(ErrorReport error)
        {
            var trailers = error == null ? "" : TypeHeader(error) + "Lambda-Runtime-Function-Error-Body: " +
                Convert.ToBase64String(error.ToJson()) + "\r\n";
            try
            {
                Send(Encoding.ASCII.GetBytes("0\r\n" + trailers + "\r\n"));
                var answer = reader.Read();
                if (answer.Status != 202 && answer.Status != 413) throw Unexpected("response", answer);
            }
            catch (Exception broken) when (broken is IOException || broken is SocketException)
            {
                // The platform has given the response up and told the caller; the next event comes over a new connection.
                socket.Dispose();
                socket = null;
            }
        }

        private static string TypeHeader(ErrorReport report)
        {
            var printable = new StringBuilder();
            foreach (var character in report.ErrorType)
                if (character > ' ' && character < '\x7f') printable.Append(character);
            return printable.Length == 0 ? "" : "Lambda-Runtime-Function-Error-Type: " + printable + "\r\n";
        }

        private static void ExpectAccepted(string what, Answer answer)
        {
            if (answer.Status != 202) throw Unexpected(what, answer);
        }

        private static InvalidOperationException Unexpected(string what, Answer answer)
        {
            var text = Encoding.UTF8.GetString(answer.Body);
            return new InvalidOperationException($"The Runtime API answered {answer.Status} to \"{what}\": {text}");
        }

        private Answer Post(string path, string header, byte[] body)
        {
            var headers = "Content-Type: application/json\r\n" + header + "Content-Length: " +
                body.Length.ToString(CultureInfo.InvariantCulture) + "\r\n";
            return Exchange("POST " + Base + path, headers, body);
        }

        private Answer Exchange(string target, string headers, byte[] body)
        {
            var head = Encoding.ASCII.GetBytes(target + " HTTP/1.1\r\nHost: " + host + "\r\n" + headers + "\r\n");
            var request = new byte[head.Length + body.Length];
            Buffer.BlockCopy(head, 0, request, 0, head.Length);
            Buffer.BlockCopy(body, 0, request, head.Length, body.Length);
            var mayRetry = socket != null;
            while (true)
            {
                try
                {
                    if (socket == null) Connect();
                    Send(request);
                    return reader.Read();
                }
                catch (Exception error) when (error is IOException || error is SocketException)
                {
                    var begun = reader != null && reader.HasBegun;
                    socket?.Dispose();
                    socket = null;
                    if (!mayRetry || begun) throw error as IOException ?? new IOException(error.Message, error);
                    mayRetry = false;
                }
            }
        }

        private void Connect()
        {
            reader = null;
            var opened = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
            opened.Connect(endpoint);
            socket = opened;
            reader = new AnswerReader(opened);
        }

        private void Send(byte[] request)
        {
            for (var sent = 0; sent < request.Length;)
                sent += socket.Send(request, sent, request.Length - sent, SocketFlags.None);
        }

        private sealed class Answer
        {
            internal int Status;
            internal readonly Dictionary<string, string> Headers = new Dictionary<string, string>();
            internal byte[] Body;
        }

        /// <summary>Reads answers from one connection.</summary>
        private sealed class AnswerReader
        {
            private readonly Socket socket;
            private readonly byte[] buffer = new byte[64 * 1024];
            private int start;
            private int end;

            internal AnswerReader(Socket socket)
            {
                this.socket = socket;
            }

            /// <summary>Whether anything of the present answer has come.</summary>
            internal bool HasBegun { get; private set; }

            internal Answer Read()
            {
                HasBegun = false;
                var answer = new Answer { Status = int.Parse(Line().Split(' ')[1], CultureInfo.InvariantCulture) };
                for (var line = Line(); line.Length > 0; line = Line())
                {
                    var colon = line.IndexOf(':');
                    if (colon > 0)
                        answer.Headers[line.Substring(0, colon).ToLowerInvariant()] = line.Substring(colon + 1).Trim();
                }
                answer.Headers.TryGetValue("transfer-encoding", out var encoding);
                answer.Headers.TryGetValue("content-length", out var length);
                answer.Body = string.Equals(encoding, "chunked", StringComparison.OrdinalIgnoreCase)
                    ? Chunks()
                    : Bytes(length == null ? 0 : int.Parse(length, CultureInfo.InvariantCulture));
                return answer;
            }

            private byte[] Chunks()
            {
                var body = new MemoryStream();
                while (true)
                {
                    var size = int.Parse(Line().Split(';')[0].Trim(), NumberStyles.HexNumber, CultureInfo.InvariantCulture);
                    body.Write(Bytes(size), 0, size);
                    Line();
                    if (size == 0) return body.ToArray();
                }
            }

            private byte[] Bytes(int length)
            {
                var bytes = new byte[length];
                var have = Math.Min(length, end - start);
                Buffer.BlockCopy(buffer, start, bytes, 0, have);
                start += have;
                while (have < length)
                {
                    var read = socket.Receive(bytes, have, length - have, SocketFlags.None);
                    if (read == 0) throw new EndOfStreamException("The Runtime API closed the connection.");
                    have += read;
                }
                return bytes;
            }

            /// <summary>Headers are UTF-8, as AWS sends the client context.</summary>
            private string Line()
            {
                var line = new MemoryStream();
                while (true)
                {
                    if (start == end) Fill();
                    var newline = Array.IndexOf(buffer, (byte)'\n', start, end - start);
                    var stop = newline < 0 ? end : newline;
                    line.Write(buffer, start, stop - start);
                    start = newline < 0 ? end : newline + 1;
                    if (newline >= 0) return Encoding.UTF8.GetString(line.ToArray()).TrimEnd('\r');
                }
            }

            private void Fill()
            {
                start = 0;
                end = 0;
                end = socket.Receive(buffer, 0, buffer.Length, SocketFlags.None);
                if (end == 0) throw new EndOfStreamException("The Runtime API closed the connection.");
                HasBegun = true;
            }
        }
    }
}
