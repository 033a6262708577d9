using System;
using System.IO;
using System.Text;
using System.Threading;
using System.Threading.Tasks;

namespace Lambent.Runtime
{
    /// <summary>
    /// Stands in the place of Console.Out or Console.Error: a WriteLine is a record, a Write is passed on as it is. TextWriter
    /// leads each of its many overloads to the few that are here.
    /// </summary>
    internal sealed class ConsoleWriter : TextWriter
    {
        private readonly FunctionLog log;
        private readonly LogLevel level;

        internal ConsoleWriter(FunctionLog log, LogLevel level)
        {
            this.log = log;
            this.level = level;
        }

        public override Encoding Encoding => new UTF8Encoding(false);

        public override void Write(char value) => log.WriteRaw(value.ToString());

        public override void Write(string value)
        {
            if (!string.IsNullOrEmpty(value)) log.WriteRaw(value);
        }

        public override void Write(char[] buffer, int index, int count) => Write(new string(buffer, index, count));

        public override void Write(ReadOnlySpan<char> buffer) => Write(buffer.ToString());

        public override void Write(StringBuilder value) => Write(value?.ToString());

        public override void WriteLine() => WriteLine("");

        public override void WriteLine(string value) => log.Write(level, null, value, null);

        public override void WriteLine(object value) => WriteLine(value?.ToString());

        public override void WriteLine(bool value) => WriteLine(value.ToString());

        public override void WriteLine(char value) => WriteLine(value.ToString());

        public override void WriteLine(char[] buffer) => WriteLine(buffer == null ? "" : new string(buffer));

        public override void WriteLine(char[] buffer, int index, int count) => WriteLine(new string(buffer, index, count));

        public override void WriteLine(int value) => WriteLine(value.ToString(FormatProvider));

        public override void WriteLine(uint value) => WriteLine(value.ToString(FormatProvider));

        public override void WriteLine(long value) => WriteLine(value.ToString(FormatProvider));

        public override void WriteLine(ulong value) => WriteLine(value.ToString(FormatProvider));

        public override void WriteLine(float value) => WriteLine(value.ToString(FormatProvider));

        public override void WriteLine(double value) => WriteLine(value.ToString(FormatProvider));

        public override void WriteLine(decimal value) => WriteLine(value.ToString(FormatProvider));

        public override void WriteLine(string format, object arg0) => WriteLine(string.Format(format, arg0));

        public override void WriteLine(string format, object arg0, object arg1) => WriteLine(string.Format(format, arg0, arg1));

        public override void WriteLine(string format, object arg0, object arg1, object arg2) =>
            WriteLine(string.Format(format, arg0, arg1, arg2));

        public override void WriteLine(string format, params object[] arg) => WriteLine(string.Format(format, arg));

        public override void WriteLine(ReadOnlySpan<char> buffer) => WriteLine(buffer.ToString());

        public override void WriteLine(StringBuilder value) => WriteLine(value?.ToString());

        public override Task WriteLineAsync() => Done(() => WriteLine(""));

        public override Task WriteLineAsync(char value) => Done(() => WriteLine(value));

        public override Task WriteLineAsync(string value) => Done(() => WriteLine(value));

        public override Task WriteLineAsync(char[] buffer, int index, int count) => Done(() => WriteLine(buffer, index, count));

        public override Task WriteLineAsync(ReadOnlyMemory<char> buffer, CancellationToken cancellationToken = default(CancellationToken)) =>
            Done(() => WriteLine(buffer.ToString()));

        public override Task WriteLineAsync(StringBuilder value, CancellationToken cancellationToken = default(CancellationToken)) =>
            Done(() => WriteLine(value));

        private static Task Done(Action write)
        {
            write();
            return Task.CompletedTask;
        }
    }
}
