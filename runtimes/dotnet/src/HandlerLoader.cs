using System;
using System.IO;
using System.Reflection;
using System.Runtime.CompilerServices;

namespace Lambent.Runtime
{
    /// <summary>Finds the method that a handler name stands for, and refuses the ones that AWS refuses, with its texts.</summary>
    internal static class HandlerLoader
    {
        private const BindingFlags Declared = BindingFlags.DeclaredOnly | BindingFlags.NonPublic | BindingFlags.Public |
            BindingFlags.Instance | BindingFlags.Static;

        internal static Handler Load(HandlerName name)
        {
            var assembly = LoadAssembly(name);
            var type = assembly.GetType(name.Type);
            if (type == null)
                throw LambdaValidationException.Of("Unable to load type '{0}' from assembly '{1}'.", name.Type, name.Assembly);
            var method = FindMethod(type, name);
            HandlerRules.CheckMethod(method);
            HandlerRules.CheckType(type, method);
            var target = CreateTarget(type, method);
            var serializer = FunctionSerializer.Find(assembly, method);
            if (PreJit.IsWanted()) PreJit.Prepare(assembly);
            return Handler.Create(name, method, target, serializer);
        }

        private static Assembly LoadAssembly(HandlerName name)
        {
            try
            {
                return Assembly.Load(name.Assembly);
            }
            catch (FileNotFoundException error)
            {
                throw LambdaValidationException.Of(
                    "Could not find the specified handler assembly with the file name '{0}'. The assembly should be located in the root of your uploaded .zip file.",
                    error.FileName);
            }
            catch (Exception)
            {
                throw LambdaValidationException.Of("Unable to load assembly '{0}'.", name.Assembly);
            }
        }

        /// <summary>By its name or its whole signature, in the type or the nearest of its base types.</summary>
        private static MethodInfo FindMethod(Type type, HandlerName name)
        {
            for (var current = type; current != null; current = current.BaseType)
            {
                var matching = Array.FindAll(
                    current.GetMethods(Declared),
                    method => method.Name == name.Method || method.ToString() == name.Method);
                if (matching.Length == 1) return matching[0];
                if (matching.Length == 0) continue;
                var candidates = Array.ConvertAll(matching, method => method.ToString());
                throw LambdaValidationException.Of(
                    "The method '{0}' in type '{1}' appears to have a number of overloads. To call this method please specify a complete method signature. Possible candidates are:\n{2}.",
                    name.Method, current.FullName, string.Join("\n", candidates));
            }
            throw LambdaValidationException.Of(
                "Unable to find method '{0}' in type '{1}' from assembly '{2}': Found no methods matching method name '{0}'.",
                name.Method, name.Type, name.Assembly);
        }

        private static object CreateTarget(Type type, MethodInfo method)
        {
            if (method.IsStatic)
            {
                // AWS: what a type does statically belongs to the initialisation.
                RuntimeHelpers.RunClassConstructor(type.TypeHandle);
                return null;
            }
            return Activator.CreateInstance(type);
        }
    }
}
