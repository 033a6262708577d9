import { serializationError } from "./serialization-error.ts";

/** Parameters of a URL query or a form body; a name may come several times. */
export type Parameters = ReadonlyMap<string, readonly string[]>;

/** More than any AWS request has; a bound on what a hostile body makes us allocate. */
const maxParameters = 50_000;
const none: Parameters = new Map();

/** Parses `application/x-www-form-urlencoded` text. Throws SerializationException for bad percent-encoding. */
export function parseParameters(text: string): Parameters {
  if (text === "") return none;
  const parameters = new Map<string, string[]>();
  let count = 0;
  for (let start = 0; start <= text.length; ) {
    const ampersand = text.indexOf("&", start);
    const end = ampersand < 0 ? text.length : ampersand;
    if (end > start) {
      if (++count > maxParameters) throw serializationError(`More than ${maxParameters} parameters`);
      const equals = text.indexOf("=", start);
      const hasValue = equals >= 0 && equals < end;
      const name = decode(text.slice(start, hasValue ? equals : end));
      const value = hasValue ? decode(text.slice(equals + 1, end)) : "";
      const values = parameters.get(name);
      if (values) values.push(value);
      else parameters.set(name, [value]);
    }
    start = end + 1;
  }
  return parameters;
}

/** Decodes one path segment. Throws SerializationException for bad percent-encoding. */
export function decodeSegment(text: string): string {
  if (!text.includes("%")) return text;
  try {
    return decodeURIComponent(text);
  } catch {
    throw serializationError("The request path is not correctly percent-encoded");
  }
}

function decode(text: string): string {
  const spaced = text.includes("+") ? text.replaceAll("+", " ") : text;
  if (!spaced.includes("%")) return spaced;
  try {
    return decodeURIComponent(spaced);
  } catch {
    throw serializationError("A parameter is not correctly percent-encoded");
  }
}
