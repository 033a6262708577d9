using System.Collections.Generic;

namespace Lambent.Runtime
{
    /// <summary>An event as the Runtime API hands it out.</summary>
    internal sealed class RuntimeEvent
    {
        private readonly Dictionary<string, string> headers;

        internal RuntimeEvent(Dictionary<string, string> headers, byte[] body)
        {
            this.headers = headers;
            Body = body;
        }

        internal byte[] Body { get; }

        internal string RequestId => Header("lambda-runtime-aws-request-id");

        /// <summary>By its name in lower case; null where there is none.</summary>
        internal string Header(string name)
        {
            headers.TryGetValue(name, out var value);
            return value;
        }
    }
}
