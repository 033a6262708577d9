using System;
using System.Globalization;

namespace Lambent.Runtime
{
    /// <summary>AWS: from .NET 8 on the collector is told how much memory the function has.</summary>
    internal static class MemoryLimit
    {
        private const ulong BytesPerMb = 1024 * 1024;

        internal static void Apply()
        {
            var refresh = typeof(GC).GetMethod("RefreshMemoryLimit", Type.EmptyTypes);
            if (refresh == null || string.Equals(Variable("AWS_LAMBDA_DOTNET_DISABLE_MEMORY_LIMIT_CHECK"), "true", StringComparison.OrdinalIgnoreCase)) return;
            if (!ulong.TryParse(Variable("AWS_LAMBDA_FUNCTION_MEMORY_SIZE"), NumberStyles.None, CultureInfo.InvariantCulture, out var memoryMb)) return;
            AppDomain.CurrentDomain.SetData("GCHeapHardLimit", memoryMb * BytesPerMb);
            try
            {
                refresh.Invoke(null, null);
            }
            catch (System.Reflection.TargetInvocationException)
            {
                // The collector has more than that already, or limits of its own: it goes on with those.
            }
        }

        private static string Variable(string name)
        {
            return Environment.GetEnvironmentVariable(name);
        }
    }
}
