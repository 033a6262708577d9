using System.Globalization;
using System.Text;

namespace Lambent.Runtime
{
    /// <summary>Writes JSON strings; the framework's own writer takes longer to load than these few take to write.</summary>
    internal static class JsonText
    {
        internal static StringBuilder AppendJson(this StringBuilder json, string text)
        {
            json.Append('"');
            for (var at = 0; at < text.Length; at++)
            {
                var character = text[at];
                if (character == '"' || character == '\\') json.Append('\\').Append(character);
                else if (character == '\n') json.Append("\\n");
                else if (character == '\r') json.Append("\\r");
                else if (character == '\t') json.Append("\\t");
                else if (character < ' ' || IsLoneSurrogate(text, at))
                    json.Append("\\u").Append(((int)character).ToString("x4", CultureInfo.InvariantCulture));
                else json.Append(character);
            }
            return json.Append('"');
        }

        private static bool IsLoneSurrogate(string text, int at)
        {
            if (char.IsHighSurrogate(text[at])) return at + 1 == text.Length || !char.IsLowSurrogate(text[at + 1]);
            return char.IsLowSurrogate(text[at]) && (at == 0 || !char.IsHighSurrogate(text[at - 1]));
        }
    }
}
