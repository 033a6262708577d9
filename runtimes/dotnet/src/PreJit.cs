using System;
using System.Collections.Generic;
using System.Reflection;
using System.Runtime.CompilerServices;

namespace Lambent.Runtime
{
    /// <summary>AWS: AWS_LAMBDA_DOTNET_PREJIT has the function's methods compiled while it initialises.</summary>
    internal static class PreJit
    {
        private const BindingFlags Declared = BindingFlags.DeclaredOnly | BindingFlags.NonPublic | BindingFlags.Public |
            BindingFlags.Instance | BindingFlags.Static;
        private static readonly string[] OfTheFramework = { "Microsoft.", "System.", "Newtonsoft.", "netstandard", "mscorlib" };

        /// <summary>Always, never, or with provisioned concurrency, which is the default.</summary>
        internal static bool IsWanted()
        {
            var setting = Environment.GetEnvironmentVariable("AWS_LAMBDA_DOTNET_PREJIT") ?? "";
            if (string.Equals(setting, "Always", StringComparison.OrdinalIgnoreCase)) return true;
            if (string.Equals(setting, "Never", StringComparison.OrdinalIgnoreCase)) return false;
            return Environment.GetEnvironmentVariable("AWS_LAMBDA_INITIALIZATION_TYPE") == "provisioned-concurrency";
        }

        /// <summary>With everything that it refers to and that is not the framework's.</summary>
        internal static void Prepare(Assembly assembly)
        {
            var seen = new HashSet<string>();
            var waiting = new Queue<Assembly>();
            waiting.Enqueue(assembly);
            while (waiting.Count > 0)
            {
                var next = waiting.Dequeue();
                PrepareMethods(next);
                foreach (var name in next.GetReferencedAssemblies())
                {
                    if (Array.Exists(OfTheFramework, begin => name.Name.StartsWith(begin, StringComparison.Ordinal)) || !seen.Add(name.FullName)) continue;
                    var referred = Load(name);
                    if (referred != null) waiting.Enqueue(referred);
                }
            }
        }

        /// <summary>Null for what is not there: it may never be needed.</summary>
        private static Assembly Load(AssemblyName name)
        {
            try
            {
                return Assembly.Load(name);
            }
            catch (Exception)
            {
                return null;
            }
        }

        private static void PrepareMethods(Assembly assembly)
        {
            Type[] types;
            try
            {
                types = assembly.GetTypes();
            }
            catch (ReflectionTypeLoadException partly)
            {
                types = Array.FindAll(partly.Types, type => type != null);
            }
            foreach (var type in types)
                foreach (var method in type.GetMethods(Declared))
                    if (!method.IsAbstract && !method.ContainsGenericParameters) Prepare(method);
        }

        private static void Prepare(MethodInfo method)
        {
            try
            {
                RuntimeHelpers.PrepareMethod(method.MethodHandle);
            }
            catch (Exception)
            {
                // It is compiled, or fails, when it is called.
            }
        }
    }
}
