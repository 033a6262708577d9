using System;
using System.Globalization;

namespace Lambent.Runtime
{
    /// <summary>A handler that cannot be used. AWS: reported by this name, with these texts.</summary>
    internal sealed class LambdaValidationException : Exception
    {
        private LambdaValidationException(string message) : base(message)
        {
        }

        internal static LambdaValidationException Of(string format, params object[] values)
        {
            return new LambdaValidationException(string.Format(CultureInfo.InvariantCulture, format, values));
        }
    }
}
