using System;
using System.IO;
using System.Reflection;
using System.Threading.Tasks;

namespace Lambent.Runtime
{
    /// <summary>
    /// A method of the function with what has to be done around it: (), (input), (ILambdaContext) or (input, ILambdaContext),
    /// where streams are handed through and everything else goes through the function's serializer.
    /// </summary>
    internal sealed class Handler
    {
        private const string ContextName = "Amazon.Lambda.Core.ILambdaContext";

        private readonly MethodInfo method;
        private readonly object target;
        private readonly FunctionSerializer serializer;
        private readonly Type inputType;
        private readonly Type contextType;
        private readonly Type outputType;
        private readonly int parameterCount;

        private Handler(MethodInfo method, object target, FunctionSerializer serializer, Type inputType, Type contextType)
        {
            this.method = method;
            this.target = target;
            this.serializer = serializer;
            this.inputType = inputType;
            this.contextType = contextType;
            outputType = OutputType(method.ReturnType);
            parameterCount = method.GetParameters().Length;
        }

        internal static Handler Create(HandlerName name, MethodInfo method, object target, FunctionSerializer serializer)
        {
            var types = Array.ConvertAll(method.GetParameters(), parameter => parameter.ParameterType);
            if (types.Length > 2)
                throw LambdaValidationException.Of(
                    "Method '{0}' of type '{1}' is not supported: the method has more than 2 parameters.", method.Name, name.Type);
            if (types.Length == 2 && !IsContext(types[1]))
                throw LambdaValidationException.Of(
                    "Method '{0}' of type '{1}' is not supported: the method has 2 parameters, but the second parameter is not of type '{2}'.",
                    method.Name, name.Type, ContextName);
            var contextType = types.Length > 0 && IsContext(types[types.Length - 1]) ? types[types.Length - 1] : null;
            var inputType = types.Length == (contextType == null ? 0 : 1) ? null : types[0];
            var handler = new Handler(method, target, serializer, inputType, contextType);
            handler.CheckSerializer(name);
            // Making a class takes its time, which the initialisation has.
            if (contextType != null) ContextProxy.Prepare(contextType);
            return handler;
        }

        /// <summary>The body of the answer; throws what the function throws.</summary>
        internal byte[] Handle(byte[] input, InvocationContext context)
        {
            var arguments = new object[parameterCount];
            if (inputType != null)
                arguments[0] = inputType == typeof(Stream)
                    ? new MemoryStream(input, false)
                    : serializer.Deserialize(input, inputType);
            if (contextType != null)
                arguments[parameterCount - 1] = ContextProxy.Create(contextType, context.For(serializer?.Instance));
            var returned = method.Invoke(target, BindingFlags.DoNotWrapExceptions, null, arguments, null);
            var result = Await(returned);
            if (outputType == null) return new byte[0];
            if (!typeof(Stream).IsAssignableFrom(outputType)) return serializer.Serialize(result, outputType);
            return Drain((Stream)result);
        }

        private static bool IsContext(Type type)
        {
            return type.FullName == ContextName;
        }

        private void CheckSerializer(HandlerName name)
        {
            if (serializer != null) return;
            if (inputType != null && inputType != typeof(Stream)) throw MissingSerializer(name, "deserialize input", inputType);
            if (outputType != null && !typeof(Stream).IsAssignableFrom(outputType))
                throw MissingSerializer(name, "serialize output", outputType);
        }

        private static Exception MissingSerializer(HandlerName name, string purpose, Type type)
        {
            return LambdaValidationException.Of(
                "Could not find the LambdaSerializerAttribute on the assembly '{0}' or method '{1}' while attempting to {2} data of type '{3}'. To use types other than System.IO.Stream as input/output parameters, the assembly or Lambda function should be annotated with {4}.",
                name.Assembly, name.Method, purpose, type.FullName, FunctionSerializer.AttributeName);
        }

        /// <summary>Null where there is nothing to answer.</summary>
        private static Type OutputType(Type returnType)
        {
            for (var type = returnType; type != null; type = type.BaseType)
                if (type.IsGenericType && (type.GetGenericTypeDefinition() == typeof(Task<>) || type.GetGenericTypeDefinition() == typeof(ValueTask<>)))
                    return type.GetGenericArguments()[0];
            if (returnType == typeof(void) || returnType == typeof(ValueTask) || typeof(Task).IsAssignableFrom(returnType)) return null;
            return returnType;
        }

        private object Await(object returned)
        {
            if (method.ReturnType == outputType || method.ReturnType == typeof(void)) return returned;
            // A ValueTask is a task here; AWS's runtime hands it to the serializer as it is.
            var task = returned as Task ?? (Task)returned.GetType().GetMethod("AsTask").Invoke(returned, null);
            task.GetAwaiter().GetResult();
            return outputType == null ? null : task.GetType().GetProperty("Result").GetValue(task);
        }

        private static byte[] Drain(Stream stream)
        {
            if (stream == null) return new byte[0];
            using (stream)
            {
                var output = new MemoryStream();
                stream.CopyTo(output);
                return output.ToArray();
            }
        }
    }
}
