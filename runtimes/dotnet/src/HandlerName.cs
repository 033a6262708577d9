using System;
using System.Reflection;

namespace Lambent.Runtime
{
    /// <summary>"Assembly::Namespace.Type::Method", where the method may be a whole signature among overloads.</summary>
    internal sealed class HandlerName
    {
        private const string Separator = "::";
        private const string Form = " The valid format is 'ASSEMBLY::TYPE::METHOD'.";

        private HandlerName(string assembly, string type, string method)
        {
            Assembly = new AssemblyName(assembly);
            Type = type;
            Method = method;
        }

        internal AssemblyName Assembly { get; }

        internal string Type { get; }

        internal string Method { get; }

        internal static HandlerName Parse(string handler)
        {
            if (string.IsNullOrEmpty(handler)) throw LambdaValidationException.Of("Empty lambda function handler." + Form);
            var parts = handler.Split(new[] { Separator }, 3, StringSplitOptions.None);
            if (parts.Length != 3)
                throw LambdaValidationException.Of("Invalid lambda function handler: '{0}'." + Form, handler);
            var missing = new[] { "assembly", "type", "method" };
            for (var part = 0; part < parts.Length; part++)
            {
                parts[part] = parts[part].Trim();
                if (parts[part].Length == 0)
                    throw LambdaValidationException.Of(
                        "Invalid lambda function handler: '{0}', the {1} is missing." + Form, handler, missing[part]);
            }
            return new HandlerName(parts[0], parts[1], parts[2]);
        }
    }
}
