using System;
using System.Globalization;
using System.IO;
using System.Text;

namespace Lambent.Runtime
{
    /// <summary>
    /// Where records go: those of the LambdaLogger, of the context's logger and of Console. AWS: from .NET 6 on each line
    /// written to Console is a record with time, request id and level.
    /// </summary>
    internal sealed class FunctionLog
    {
        private readonly object oneAtATime = new object();
        private readonly TelemetryPipe telemetry;
        private readonly Stream output;
        private readonly LogLevel leastLevel;
        private readonly bool isJson;
        private readonly bool isUnformatted;

        private FunctionLog(TelemetryPipe telemetry)
        {
            this.telemetry = telemetry;
            output = telemetry == null ? Console.OpenStandardOutput() : null;
            leastLevel = LogLevels.Parse(Setting("LOG_LEVEL")) ?? LogLevel.Information;
            var format = Setting("LOG_FORMAT");
            isJson = string.Equals(format, "Json", StringComparison.OrdinalIgnoreCase);
            isUnformatted = string.Equals(format, "Unformatted", StringComparison.OrdinalIgnoreCase);
        }

        /// <summary>Of the present invocation; null before the first one.</summary>
        internal string RequestId { get; set; }

        /// <summary>Records are lines of standard output where there is no pipe. Takes Console's place.</summary>
        internal static FunctionLog Install(TelemetryPipe telemetry)
        {
            var log = new FunctionLog(telemetry);
            Console.SetOut(new ConsoleWriter(log, LogLevel.Information));
            Console.SetError(new ConsoleWriter(log, LogLevel.Error));
            return log;
        }

        /// <summary>`level` null: a record that has its level in its text, as those of LambdaLogger.Log.</summary>
        internal void Write(LogLevel? level, Exception error, string template, object[] values)
        {
            if (level.HasValue && level.Value < leastLevel) return;
            var message = new MessageTemplate(template ?? "", values ?? new object[0]);
            if (isJson) WriteRaw(JsonRecord.Text(level ?? LogLevel.Information, RequestId, message, error) + "\n", true, level);
            else WriteRaw(Text(level, message.ToString(), error) + "\n", false, level);
        }

        /// <summary>As it is, as what Console.Write prints.</summary>
        internal void WriteRaw(string text, bool asJson = false, LogLevel? level = null)
        {
            lock (oneAtATime)
            {
                if (telemetry != null)
                {
                    telemetry.Write(text, asJson, level);
                    return;
                }
                var bytes = Encoding.UTF8.GetBytes(text);
                output.Write(bytes, 0, bytes.Length);
            }
        }

        /// <summary>What the function, or its initialisation, has thrown.</summary>
        internal void Unhandled(Exception error)
        {
            if (isJson) Write(LogLevel.Error, error, error.Message, null);
            else Write(LogLevel.Error, null, error.ToString(), null);
        }

        private string Text(LogLevel? level, string message, Exception error)
        {
            var text = new StringBuilder();
            if (!isUnformatted)
            {
                text.Append(Timestamp(DateTime.UtcNow)).Append('\t').Append(RequestId).Append('\t');
                if (level.HasValue) text.Append(LogLevels.Label(level.Value)).Append('\t');
            }
            text.Append(message);
            if (error != null) text.Append(message.Length > 0 ? "\n" : "").Append(error);
            return text.ToString();
        }

        internal static string Timestamp(DateTime time)
        {
            return time.ToString("yyyy-MM-ddTHH:mm:ss.fffZ", CultureInfo.InvariantCulture);
        }

        /// <summary>AWS: a variable of the function's own wins over its logging configuration.</summary>
        private static string Setting(string name)
        {
            var own = Environment.GetEnvironmentVariable("AWS_LAMBDA_HANDLER_" + name);
            return string.IsNullOrEmpty(own) ? Environment.GetEnvironmentVariable("AWS_LAMBDA_" + name) : own;
        }
    }
}
