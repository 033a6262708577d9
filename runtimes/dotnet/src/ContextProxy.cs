using System;
using System.Collections.Generic;
using System.Reflection;

namespace Lambent.Runtime
{
    /// <summary>
    /// Implements the interfaces of the function's own Amazon.Lambda.Core, in whichever version: each call of a member
    /// comes here with its name. Public, since the classes that DispatchProxy makes derive from it.
    /// </summary>
    public class ContextProxy : DispatchProxy
    {
        private const string Getter = "get_";
        private static readonly Dictionary<Type, Func<object>> Factories = new Dictionary<Type, Func<object>>();

        private Func<MethodInfo, object[], object> answer;

        /// <summary>Makes the class for a context.</summary>
        internal static void Prepare(Type type)
        {
            FactoryOf(type)();
        }

        internal static object Create(Type type, InvocationContext context)
        {
            return Values(type, context.Member);
        }

        /// <summary>An object whose properties have the values that `value` tells by name and type.</summary>
        internal static object Values(Type type, Func<string, Type, object> value)
        {
            return Answering(type, (method, arguments) =>
                method.Name.StartsWith(Getter, StringComparison.Ordinal)
                    ? value(method.Name.Substring(Getter.Length), method.ReturnType)
                    : null);
        }

        /// <summary>An ILambdaLogger.</summary>
        internal static object Logger(Type type, FunctionLog log)
        {
            return Answering(type, (method, arguments) =>
            {
                LoggerCall.Write(log, method, arguments);
                return null;
            });
        }

        /// <summary>An object whose members are answered by their names.</summary>
        internal static object Calls(Type type, Func<string, object[], object> call)
        {
            return Answering(type, (method, arguments) => call(method.Name, arguments));
        }

        protected override object Invoke(MethodInfo method, object[] arguments)
        {
            var value = answer(method, arguments);
            var type = method.ReturnType;
            return value == null && type.IsValueType && type != typeof(void) ? Activator.CreateInstance(type) : value;
        }

        private static object Answering(Type type, Func<MethodInfo, object[], object> answer)
        {
            var proxy = (ContextProxy)FactoryOf(type)();
            proxy.answer = answer;
            return proxy;
        }

        private static Func<object> FactoryOf(Type type)
        {
            lock (Factories)
            {
                if (Factories.TryGetValue(type, out var known)) return known;
                var create = typeof(DispatchProxy).GetMethod("Create", 2, Type.EmptyTypes).MakeGenericMethod(type, typeof(ContextProxy));
                var factory = (Func<object>)Delegate.CreateDelegate(typeof(Func<object>), create);
                Factories[type] = factory;
                return factory;
            }
        }
    }
}
