using System;
using System.Reflection;
using System.Runtime.CompilerServices;

namespace Lambent.Runtime
{
    /// <summary>Which methods and types may be handlers.</summary>
    internal static class HandlerRules
    {
        internal static void CheckMethod(MethodInfo method)
        {
            var reason = WhyNot(method);
            if (reason != null)
                throw LambdaValidationException.Of("The method '{0}' cannot be used as a Lambda Handler because it is " + reason, method);
        }

        private static string WhyNot(MethodInfo method)
        {
            if (method.IsAbstract)
                return "an abstract method. Handler methods cannot be abstract. Please specify a non-abstract handler method.";
            if (method.IsGenericMethod)
                return "a generic method. Handler methods cannot be generic. Please specify a non-generic handler method.";
            if (method.ReturnType == typeof(void) && method.IsDefined(typeof(AsyncStateMachineAttribute), false))
                return "an 'async void' method. Handler methods cannot be 'async void'. Please specify a method that is not 'async void'.";
            var parameters = method.GetParameters();
            if (parameters.Length > 0 && parameters[parameters.Length - 1].IsDefined(typeof(ParamArrayAttribute), false))
                return "a 'params' method. Please specify a method that does not use 'params'.";
            if ((method.CallingConvention & CallingConventions.VarArgs) == CallingConventions.VarArgs)
                return "a 'vararg (variable arguments)' method. Please specify a method that is not 'vararg'.";
            return null;
        }

        internal static void CheckType(Type type, MethodInfo method)
        {
            if (type.IsGenericType)
                throw LambdaValidationException.Of(
                    "The type '{0}' cannot be used as a Lambda Handler type because it is generic. Handler methods cannot be located in generic types. Please specify a handler method in a non-generic type.",
                    type.FullName);
            if (!method.IsStatic && type.IsAbstract)
                throw LambdaValidationException.Of(
                    "The instance method '{0}' cannot be used as a Lambda Handler because its type '{1}' is abstract. Please either use a static handler or specify a type that is not abstract.",
                    method, type.FullName);
            if (!type.IsClass && (!type.IsValueType || type.IsPrimitive || type.IsEnum))
                throw LambdaValidationException.Of(
                    "The type '{0}' cannot be used as a handler type since it is not a class or a struct. Please specify a handler method on a class or struct.",
                    type.FullName);
        }
    }
}
