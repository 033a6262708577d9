using System;
using System.Collections.Generic;
using System.Globalization;
using System.Text;

namespace Lambent.Runtime
{
    /// <summary>
    /// A message with places for values, as "bought {count} of {product}" or "{0} of {1}": in their order, or by their
    /// numbers where these are 0, 1, 2 … without a gap. "{@order}" asks for JSON, "{price:F2}" for a format.
    /// </summary>
    internal sealed class MessageTemplate
    {
        private readonly string template;
        private readonly object[] values;
        /// <summary>Literal text (string) and places (MessageProperty), in their order; null until somebody asks.</summary>
        private List<object> parts;

        internal MessageTemplate(string template, object[] values)
        {
            this.template = template;
            this.values = values;
        }

        /// <summary>Those places that have a value.</summary>
        internal IEnumerable<MessageProperty> Properties()
        {
            if (values.Length == 0) yield break;
            foreach (var part in Parts())
                if (part is MessageProperty property && property.Value != null) yield return property;
        }

        public override string ToString()
        {
            if (values.Length == 0) return template;
            var text = new StringBuilder();
            foreach (var part in Parts()) text.Append(part);
            return text.ToString();
        }

        private List<object> Parts()
        {
            if (parts != null) return parts;
            parts = new List<object>();
            var literal = new StringBuilder();
            for (var at = 0; at < template.Length;)
            {
                var end = template[at] == '{' ? template.IndexOf('}', at + 1) : -1;
                if (end > at + 1 && template[at + 1] != '{')
                {
                    parts.Add(literal.ToString());
                    literal.Clear();
                    parts.Add(new MessageProperty(template.Substring(at + 1, end - at - 1)));
                    at = end + 1;
                    continue;
                }
                // A brace that is doubled stands for itself.
                var isDoubled = (template[at] == '{' || template[at] == '}') && at + 1 < template.Length && template[at + 1] == template[at];
                literal.Append(template[at]);
                at += isDoubled ? 2 : 1;
            }
            parts.Add(literal.ToString());
            AssignValues(parts.FindAll(part => part is MessageProperty).ConvertAll(part => (MessageProperty)part));
            return parts;
        }

        private void AssignValues(List<MessageProperty> properties)
        {
            var isPositional = IsPositional(properties);
            for (var at = 0; at < properties.Count; at++)
            {
                var index = isPositional ? int.Parse(properties[at].Name, CultureInfo.InvariantCulture) : at;
                if (index < values.Length) properties[at].Value = values[index];
            }
        }

        private static bool IsPositional(List<MessageProperty> properties)
        {
            var positions = new HashSet<int>();
            var highest = -1;
            foreach (var property in properties)
            {
                if (!int.TryParse(property.Name, NumberStyles.None, CultureInfo.InvariantCulture, out var position)) return false;
                positions.Add(position);
                highest = Math.Max(highest, position);
            }
            return positions.Count == highest + 1;
        }
    }
}
