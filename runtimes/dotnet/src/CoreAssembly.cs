using System;
using System.Reflection;

namespace Lambent.Runtime
{
    /// <summary>
    /// AWS: Amazon.Lambda.Core, which comes with the function, has private members by which the runtime connects it with
    /// itself: https://github.com/aws/aws-lambda-dotnet, LambdaLogger.cs and LambdaResponseStreamFactory.cs. Newer
    /// versions of it have more of them.
    /// </summary>
    internal static class CoreAssembly
    {
        private const string Name = "Amazon.Lambda.Core";
        private const BindingFlags Private = BindingFlags.NonPublic | BindingFlags.Static;

        /// <summary>From here on, whenever the function's Amazon.Lambda.Core is loaded.</summary>
        internal static void WhenLoaded(FunctionLog log, ResponseStreams streams)
        {
            AppDomain.CurrentDomain.AssemblyLoad += (sender, loaded) =>
            {
                if (loaded.LoadedAssembly.GetName().Name != Name) return;
                ConnectLogger(loaded.LoadedAssembly.GetType(Name + ".LambdaLogger"), log);
                ConnectStreams(loaded.LoadedAssembly.GetType(Name + ".ResponseStreaming.LambdaResponseStreamFactory"), streams);
            };
        }

        private static void ConnectLogger(Type logger, FunctionLog log)
        {
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
            var field = logger?.GetField(name, Private);
            if (field != null && field.FieldType == typeof(T)) field.SetValue(null, action);
        }

        /// <summary>The factory takes a function from a prelude to its own interface for streams.</summary>
        private static void ConnectStreams(Type factory, ResponseStreams streams)
        {
            var setter = factory?.GetMethod("SetLambdaResponseStream", Private);
            var parameters = setter?.GetParameters();
            if (parameters?.Length != 1 || !parameters[0].ParameterType.IsGenericType) return;
            var types = parameters[0].ParameterType.GetGenericArguments();
            if (types.Length != 2 || types[0] != typeof(byte[])) return;
            var open = typeof(ResponseStreams).GetMethod("Open", BindingFlags.NonPublic | BindingFlags.Instance).MakeGenericMethod(types[1]);
            setter.Invoke(null, new object[] { Delegate.CreateDelegate(parameters[0].ParameterType, streams, open) });
        }
    }
}
