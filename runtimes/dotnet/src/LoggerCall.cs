using System;
using System.Reflection;

namespace Lambent.Runtime
{
    /// <summary>What a call of an ILambdaLogger says: Log, LogLine, LogInformation and so on, in all their overloads.</summary>
    internal static class LoggerCall
    {
        internal static void Write(FunctionLog log, MethodInfo method, object[] arguments)
        {
            if (!method.Name.StartsWith("Log", StringComparison.Ordinal)) return;
            var values = arguments.Length > 0 ? arguments[arguments.Length - 1] as object[] : null;
            var named = arguments.Length - (values == null ? 0 : 1);
            Exception error = null;
            LogLevel? level = method.Name == "LogLine" ? LogLevel.Information : LogLevels.Parse(method.Name.Substring("Log".Length));
            string message = null;
            for (var at = 0; at < named; at++)
            {
                if (arguments[at] is Exception given) error = given;
                else if (at < named - 1 && (arguments[at] is string || arguments[at] is Enum)) level = LogLevels.Parse(arguments[at].ToString());
                else message = arguments[at] as string;
            }
            // AWS: Log of a text alone is printed as it is.
            if (method.Name == "Log" && arguments.Length == 1) log.WriteRaw(message ?? "");
            else log.Write(level, error, message, values);
        }
    }
}
