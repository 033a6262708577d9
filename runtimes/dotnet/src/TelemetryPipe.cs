using System;
using System.IO;
using System.Runtime.InteropServices;
using System.Text;
using Microsoft.Win32.SafeHandles;

namespace Lambent.Runtime
{
    /// <summary>
    /// The platform's pipe for log records, which keeps each of them whole. Frame: type with the level's mask (4 bytes),
    /// length (4), microseconds since 1970 (8), all big-endian, then the text. What is longer than the kernel keeps whole comes
    /// in parts (0x20 in the type): before the text of each stand the id of the record (4) and the number of bytes still to
    /// come (4), which are in its length.
    /// </summary>
    internal sealed class TelemetryPipe
    {
        private const uint TextFrame = 0xA55A0003;
        private const uint JsonFrame = 0xA55A0002;
        private const uint Part = 0x20;
        private const int HeaderBytes = 16;
        /// <summary>The kernel puts nothing of others into a write to a pipe that is no longer.</summary>
        private const int AtomicBytes = 4096;
        private const int PartHeaderBytes = HeaderBytes + 8;
        /// <summary>One record is written at a time, and nobody else in the sandbox writes any.</summary>
        private const uint RecordId = 1;
        /// <summary>AWS: the size of a log event; longer records become several.</summary>
        private const int TextBytesMax = 256 * 1024 - 26;
        private const long TicksOfUnixEpoch = 621355968000000000;
        private const int FDupFdCloexec = 1030;
        private const int FirstHighDescriptor = 20;

        private readonly FileStream stream;

        private TelemetryPipe(FileStream stream)
        {
            this.stream = stream;
        }

        /// <summary>
        /// The launcher puts the pipe where standard input was. It goes to a descriptor that programs started by the function
        /// do not inherit, and standard input is empty from then on.
        /// </summary>
        internal static TelemetryPipe TakeStandardInput()
        {
            var descriptor = fcntl(0, FDupFdCloexec, FirstHighDescriptor);
            if (descriptor < 0) throw new IOException("The telemetry pipe cannot be taken over.");
            using (var nothing = new FileStream("/dev/null", FileMode.Open, FileAccess.Read))
                dup2(nothing.SafeFileHandle.DangerousGetHandle().ToInt32(), 0);
            var handle = new SafeFileHandle(new IntPtr(descriptor), true);
            return new TelemetryPipe(new FileStream(handle, FileAccess.Write, 1));
        }

        internal void Write(string text, bool isJson, LogLevel? level)
        {
            var bytes = Encoding.UTF8.GetBytes(text);
            var type = (isJson ? JsonFrame : TextFrame) | LogLevels.Mask(level);
            for (var start = 0; start < bytes.Length;)
            {
                var end = Math.Min(bytes.Length, start + TextBytesMax);
                // Not within a character.
                while (end < bytes.Length && (bytes[end] & 0xC0) == 0x80) end--;
                WriteFrame(type, bytes, start, end - start);
                start = end;
            }
        }

        private void WriteFrame(uint type, byte[] bytes, int start, int count)
        {
            var microseconds = (ulong)((DateTime.UtcNow.Ticks - TicksOfUnixEpoch) / 10);
            if (count <= AtomicBytes - HeaderBytes)
            {
                Send(Frame(type, microseconds, HeaderBytes, count), bytes, start, count);
                return;
            }
            for (var end = start + count; start < end;)
            {
                var length = Math.Min(end - start, AtomicBytes - PartHeaderBytes);
                var part = Frame(type | Part, microseconds, PartHeaderBytes, length);
                Number(part, HeaderBytes, 4, RecordId);
                Number(part, HeaderBytes + 4, 4, (ulong)(end - start - length));
                Send(part, bytes, start, length);
                start += length;
            }
        }

        private static byte[] Frame(uint type, ulong microseconds, int headerBytes, int textBytes)
        {
            var frame = new byte[headerBytes + textBytes];
            Number(frame, 0, 4, type);
            Number(frame, 4, 4, (ulong)(frame.Length - HeaderBytes));
            Number(frame, 8, 8, microseconds);
            return frame;
        }

        private void Send(byte[] frame, byte[] bytes, int start, int count)
        {
            Buffer.BlockCopy(bytes, start, frame, frame.Length - count, count);
            stream.Write(frame, 0, frame.Length);
        }

        private static void Number(byte[] frame, int at, int length, ulong value)
        {
            for (var index = at + length - 1; index >= at; index--, value >>= 8) frame[index] = (byte)value;
        }

        [DllImport("libc", SetLastError = true)]
        private static extern int fcntl(int descriptor, int command, int argument);

        [DllImport("libc", SetLastError = true)]
        private static extern int dup2(int from, int to);
    }
}
