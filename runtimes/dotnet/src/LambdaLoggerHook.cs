using System;
using System.Reflection;

namespace Lambent.Runtime
{
    /// <summary>
    /// AWS: Amazon.Lambda.Core's static LambdaLogger has fields which the runtime sets, so that its records go into the
    /// function's log: https://github.com/aws/aws-lambda-dotnet, LambdaLogger.cs. Newer versions of it have more of them.
    /// </summary>
    internal static class LambdaLoggerHook
    {
        private const string AssemblyName = "Amazon.Lambda.Core";

        /// <summary>From here on, whenever the function's Amazon.Lambda.Core is loaded.</summary>
        internal static void Install(FunctionLog log)
        {
            AppDomain.CurrentDomain.AssemblyLoad += (sender, loaded) =>
            {
                if (loaded.LoadedAssembly.GetName().Name == AssemblyName) SetActions(loaded.LoadedAssembly, log);
            };
        }

        private static void SetActions(Assembly core, FunctionLog log)
        {
            var logger = core.GetType("Amazon.Lambda.Core.LambdaLogger");
            Set<Action<string>>(logger, "_loggingAction", message => log.Write(null, null, message, null));
            Set<Action<string, string, object[]>>(
                logger,
                "_loggingWithLevelAction",
                (level, message, values) => log.Write(LogLevels.Parse(level), null, message, values));
            Set<Action<string, Exception, string, object[]>>(
                logger,
                "_loggingWithLevelAndExceptionAction",
                (level, error, message, values) => log.Write(LogLevels.Parse(level), error, message, values));
        }

        private static void Set<T>(Type logger, string name, T action)
        {
            var field = logger?.GetField(name, BindingFlags.NonPublic | BindingFlags.Static);
            if (field != null && field.FieldType == typeof(T)) field.SetValue(null, action);
        }
    }
}
