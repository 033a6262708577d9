using System;
using System.IO;
using System.Reflection;

namespace Lambent.Runtime
{
    /// <summary>
    /// The serializer that the function names with LambdaSerializerAttribute. Everything of Amazon.Lambda.Core is found by
    /// its name: it comes with the function, in whichever version that has.
    /// </summary>
    internal sealed class FunctionSerializer
    {
        internal const string AttributeName = "Amazon.Lambda.Core.LambdaSerializerAttribute";
        private const string InterfaceName = "Amazon.Lambda.Core.ILambdaSerializer";

        private readonly MethodInfo deserialize;
        private readonly MethodInfo serialize;

        private FunctionSerializer(object instance, Type serializerInterface)
        {
            Instance = instance;
            deserialize = Member(serializerInterface, "Deserialize", typeof(Stream));
            serialize = Member(serializerInterface, "Serialize", null, typeof(Stream));
        }

        internal object Instance { get; }

        /// <summary>That of the method, or else of the assembly; null where neither has one.</summary>
        internal static FunctionSerializer Find(Assembly assembly, MethodInfo method)
        {
            var attribute = Attribute(method.GetCustomAttributes(true)) ?? Attribute(assembly.GetCustomAttributes(true));
            if (attribute == null) return null;
            var attributeType = attribute.GetType();
            var property = attributeType.GetProperty("SerializerType");
            if (property == null)
                throw LambdaValidationException.Of(
                    "The '{0}' class is invalid: no 'SerializerType' property detected.", attributeType.FullName);
            if (!typeof(Type).IsAssignableFrom(property.PropertyType))
                throw LambdaValidationException.Of(
                    "The '{0}' class is invalid: 'SerializerType' property cannot be converted to type '{1}'.",
                    attributeType.FullName, typeof(Type).FullName);
            if (!(property.GetValue(attribute) is Type type))
                throw LambdaValidationException.Of(
                    "The 'SerializerType' property on attribute class '{0}' is not set.", attributeType.FullName);
            return Create(type);
        }

        internal object Deserialize(byte[] input, Type type)
        {
            return Call(deserialize, type, new MemoryStream(input, false));
        }

        internal byte[] Serialize(object value, Type type)
        {
            var output = new MemoryStream();
            Call(serialize, type, value, output);
            return output.ToArray();
        }

        private object Call(MethodInfo method, Type type, params object[] arguments)
        {
            return method.MakeGenericMethod(type).Invoke(
                Instance, BindingFlags.DoNotWrapExceptions, null, arguments, null);
        }

        private static object Attribute(object[] attributes)
        {
            return Array.Find(attributes, attribute => IsSerializerAttribute(attribute.GetType()));
        }

        private static bool IsSerializerAttribute(Type type)
        {
            for (var current = type; current != null; current = current.BaseType)
                if (current.FullName == AttributeName) return true;
            return false;
        }

        private static FunctionSerializer Create(Type type)
        {
            var constructor = type.GetConstructor(Type.EmptyTypes);
            if (constructor == null)
                throw LambdaValidationException.Of(
                    "The indicated serializer '{0}' does not define a public zero-parameter constructor.", type.FullName);
            var serializerInterface = type.GetInterface(InterfaceName);
            if (serializerInterface == null)
                throw LambdaValidationException.Of(
                    "The '{0}' class is invalid: it does not implement the 'ILambdaSerializer' interface.", type.FullName);
            return new FunctionSerializer(
                constructor.Invoke(BindingFlags.DoNotWrapExceptions, null, null, null), serializerInterface);
        }

        /// <summary>A generic method of one type argument; null stands for a parameter of that type.</summary>
        private static MethodInfo Member(Type serializerInterface, string name, params Type[] parameters)
        {
            var method = serializerInterface.GetMethod(name);
            if (method != null && method.IsGenericMethod && method.GetGenericArguments().Length == 1)
            {
                var types = Array.ConvertAll(
                    method.GetParameters(),
                    parameter => parameter.ParameterType.IsGenericParameter ? null : parameter.ParameterType);
                if (Array.TrueForAll(types, type => Array.IndexOf(parameters, type) >= 0) && types.Length == parameters.Length)
                    return method;
            }
            throw LambdaValidationException.Of(
                "The type '{0}' does not match the expected shape of '{1}': '{2}' method not found.",
                serializerInterface.FullName, InterfaceName, name);
        }
    }
}
