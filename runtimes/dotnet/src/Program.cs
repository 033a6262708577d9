using System;
using System.IO;

namespace Lambent.Runtime
{
    /// <summary>
    /// Lambent's client of the Runtime API for functions that are class libraries. Started by launcher.mjs with the
    /// function's own .deps.json and .runtimeconfig.json, so that the function's assemblies are those of this program.
    /// </summary>
    internal static class Program
    {
        private const string Probe = "--probe";
        private const string TelemetryOnStandardInput = "--telemetry-on-stdin";

        private static int Main(string[] arguments)
        {
            if (arguments.Length == 1 && arguments[0] == Probe)
            {
                Console.WriteLine(RuntimeProbe.Describe());
                return 0;
            }
            var handler = arguments.Length > 0 ? arguments[arguments.Length - 1] : "";
            var telemetry = arguments.Length > 1 && arguments[0] == TelemetryOnStandardInput
                ? TelemetryPipe.TakeStandardInput()
                : null;
            Console.SetIn(TextReader.Null);
            MemoryLimit.Apply();
            var log = FunctionLog.Install(telemetry);
            var api = new RuntimeApi(Environment.GetEnvironmentVariable("AWS_LAMBDA_RUNTIME_API"));
            return new InvocationLoop(api, log).Run(handler);
        }
    }
}
