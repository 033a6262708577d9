using System;
using System.Collections;
using System.Globalization;
using System.Text;

namespace Lambent.Runtime
{
    /// <summary>A log record in AWS's JSON format for .NET: the values of a message's properties are members of it.</summary>
    internal static class JsonRecord
    {
        internal static string Text(LogLevel level, string requestId, MessageTemplate message, Exception error)
        {
            var json = new StringBuilder("{\"timestamp\":").AppendJson(FunctionLog.Timestamp(DateTime.UtcNow));
            Member(json, "level", level.ToString());
            Member(json, "requestId", requestId);
            Member(json, "traceId", Environment.GetEnvironmentVariable("_X_AMZN_TRACE_ID"));
            json.Append(",\"message\":").AppendJson(message.ToString());
            foreach (var property in message.Properties())
            {
                json.Append(',').AppendJson(property.Name).Append(':');
                Value(json, property);
            }
            if (error != null) AppendError(json, error);
            return json.Append('}').ToString();
        }

        private static void Member(StringBuilder json, string name, string value)
        {
            if (!string.IsNullOrEmpty(value)) json.Append(',').AppendJson(name).Append(':').AppendJson(value);
        }

        private static void AppendError(StringBuilder json, Exception error)
        {
            Member(json, "errorType", error.GetType().FullName);
            json.Append(",\"errorMessage\":").AppendJson(error.Message ?? "").Append(",\"stackTrace\":[");
            var lines = error.ToString().Split('\n');
            for (var at = 0; at < lines.Length; at++) json.Append(at == 0 ? "" : ",").AppendJson(lines[at].Trim());
            json.Append(']');
        }

        private static void Value(StringBuilder json, MessageProperty property)
        {
            var value = property.Value;
            if (value is IList list && !(value is byte[]))
            {
                json.Append('[');
                for (var at = 0; at < list.Count; at++) Scalar(at == 0 ? json : json.Append(','), property.Of(list[at]));
                json.Append(']');
            }
            else if (value is IDictionary dictionary)
            {
                var isFirst = true;
                json.Append('{');
                foreach (DictionaryEntry entry in dictionary)
                {
                    json.Append(isFirst ? "" : ",").AppendJson(entry.Key.ToString() ?? "").Append(':');
                    Scalar(json, property.Of(entry.Value));
                    isFirst = false;
                }
                json.Append('}');
            }
            else Scalar(json, property);
        }

        private static void Scalar(StringBuilder json, MessageProperty property)
        {
            var value = property.Value;
            if (value == null) json.Append("null");
            else if (property.IsSerialized) json.Append(Serialized(value));
            else if (property.Format != null) json.AppendJson(property.ToString());
            else if (value is bool truth) json.Append(truth ? "true" : "false");
            else if (IsNumber(value)) json.Append(((IFormattable)value).ToString(null, CultureInfo.InvariantCulture));
            else json.AppendJson(property.ToString());
        }

        private static bool IsNumber(object value)
        {
            if (value is double number) return !double.IsNaN(number) && !double.IsInfinity(number);
            if (value is float single) return !float.IsNaN(single) && !float.IsInfinity(single);
            return value is int || value is long || value is decimal || value is short || value is byte || value is uint ||
                value is ulong || value is ushort || value is sbyte;
        }

        private static string Serialized(object value)
        {
            try
            {
                return System.Text.Json.JsonSerializer.Serialize(value, value.GetType());
            }
            catch (Exception)
            {
                // AWS: an object that cannot be serialised is shown as text.
                return new StringBuilder().AppendJson(value.ToString() ?? "").ToString();
            }
        }
    }
}
