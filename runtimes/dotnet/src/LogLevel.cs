using System;

namespace Lambent.Runtime
{
    /// <summary>The levels of Amazon.Lambda.Core; functions with an old version of that have no LogLevel of their own.</summary>
    internal enum LogLevel
    {
        Trace,
        Debug,
        Information,
        Warning,
        Error,
        Critical,
    }

    internal static class LogLevels
    {
        /// <summary>AWS: as Microsoft's console logger shows them.</summary>
        private static readonly string[] Labels = { "trce", "dbug", "info", "warn", "fail", "crit" };
        /// <summary>What the platform's telemetry frames tell of the level.</summary>
        private static readonly uint[] Masks = { 0x04, 0x08, 0x0C, 0x10, 0x14, 0x18 };

        /// <summary>The names of .NET and those of the function's logging configuration; null for none of them.</summary>
        internal static LogLevel? Parse(string name)
        {
            switch ((name ?? "").ToUpperInvariant())
            {
                case "TRACE": return LogLevel.Trace;
                case "DEBUG": return LogLevel.Debug;
                case "INFO":
                case "INFORMATION": return LogLevel.Information;
                case "WARN":
                case "WARNING": return LogLevel.Warning;
                case "ERROR": return LogLevel.Error;
                case "FATAL":
                case "CRITICAL": return LogLevel.Critical;
                default: return null;
            }
        }

        internal static string Label(LogLevel level)
        {
            return Labels[(int)level];
        }

        internal static uint Mask(LogLevel? level)
        {
            return level.HasValue ? Masks[(int)level.Value] : 0;
        }
    }
}
