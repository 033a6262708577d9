using System;
using System.Collections;
using System.Globalization;
using System.Text;

namespace Lambent.Runtime
{
    /// <summary>A place in a message, and its value.</summary>
    internal sealed class MessageProperty
    {
        private const int BytesShown = 16;
        private readonly string token;

        internal MessageProperty(string text)
        {
            token = "{" + text + "}";
            IsSerialized = text[0] == '@';
            var rest = IsSerialized ? text.Substring(1) : text;
            var colon = rest.IndexOf(':');
            Name = (colon < 0 ? rest : rest.Substring(0, colon)).Trim();
            var format = colon < 0 ? "" : rest.Substring(colon + 1).Trim();
            Format = format.Length == 0 ? null : format;
        }

        private MessageProperty(MessageProperty other, object value)
        {
            token = other.token;
            IsSerialized = other.IsSerialized;
            Name = other.Name;
            Format = other.Format;
            Value = value;
        }

        internal string Name { get; }

        internal string Format { get; }

        internal bool IsSerialized { get; }

        internal object Value { get; set; }

        /// <summary>The same place with another value, of a list or a dictionary.</summary>
        internal MessageProperty Of(object value)
        {
            return new MessageProperty(this, value);
        }

        /// <summary>AWS: lists and dictionaries are in the members of a JSON record only, the message names their place.</summary>
        public override string ToString()
        {
            if (Value is byte[] bytes) return Hexadecimal(bytes);
            if (Value == null || Value is IList || Value is IDictionary) return token;
            if (Format != null) return Formatted();
            if (Value is DateTime time) return FunctionLog.Timestamp(time);
            if (Value is DateTimeOffset moment) return FunctionLog.Timestamp(moment.DateTime);
            return Convert.ToString(Value, CultureInfo.InvariantCulture);
        }

        private string Formatted()
        {
            try
            {
                return string.Format("{0:" + Format + "}", Value);
            }
            catch (FormatException)
            {
                return Value.ToString();
            }
        }

        private static string Hexadecimal(byte[] bytes)
        {
            var text = new StringBuilder();
            for (var at = 0; at < bytes.Length && at < BytesShown; at++) text.Append(bytes[at].ToString("X2", CultureInfo.InvariantCulture));
            return bytes.Length <= BytesShown ? text.ToString() : text + "... (" + bytes.Length + " bytes)";
        }
    }
}
