import { XmlCodec } from "@aws-sdk/core/protocols";
import type { NormalizedSchema } from "@smithy/core/schema";
import { fromBase64, fromUtf8, toBase64, toUtf8 } from "@smithy/core/serde";
import { serializationError } from "./serialization-error.ts";
import type { Member, Shape } from "./shape.ts";
import { readText } from "./text-values.ts";
import { checkNumberType, maxDepth, setOwn } from "./value-reader.ts";

/** What the SDK's codecs want to be told about the platform. */
export const serdeContext = {
  base64Decoder: fromBase64,
  base64Encoder: toBase64,
  utf8Decoder: fromUtf8,
  utf8Encoder: toUtf8,
} as never;

/** The SDK's XML codec: its tokenizer for requests, its writer for responses. */
export function xmlCodec(xmlNamespace: string, serviceNamespace: string): XmlCodec {
  const codec = new XmlCodec({
    timestampFormat: { useTrait: true, default: 5 },
    httpBindings: true,
    xmlNamespace,
    serviceNamespace,
  });
  codec.setSerdeContext(serdeContext);
  return codec;
}

/** Parses an XML body into nested objects of texts. Throws SerializationException. */
export function parseXml(codec: XmlCodec, bytes: Uint8Array): unknown {
  const text = toUtf8(bytes);
  // A document type serves nothing but attacks on parsers.
  if (/<!doctype/i.test(text))
    throw serializationError("The XML must not contain a document type declaration");
  try {
    const reader = codec.createDeserializer() as unknown as { parseXml(text: string): unknown };
    return reader.parseXml(text);
  } catch {
    throw serializationError(
      "The XML you provided was not well-formed or did not validate against our published schema",
    );
  }
}

/** Reads what an XML element holds into the input that members describe. Throws SerializationException. */
export function readXmlMembers(
  members: readonly Member[],
  element: unknown,
  depth = 0,
): Record<string, unknown> {
  const result: Record<string, unknown> = {};
  // An empty element is parsed as empty text: a structure without members.
  if (isText(element)) {
    if (element.trim() !== "")
      throw serializationError("Text stands where an element with members is expected");
    return result;
  }
  for (const member of members) {
    const given = own(element, member.xmlName);
    if (given === undefined || given === null) continue;
    const value = readXml(member.shape, given, member.traits.xmlFlattened === 1, depth + 1);
    checkNumberType(member.constraint, value, member.pathName);
    result[member.name] = value;
  }
  return result;
}

function readXml(shape: Shape, given: unknown, flattened: boolean, depth: number): unknown {
  if (depth > maxDepth) throw serializationError("The XML is nested too deeply");
  switch (shape.kind) {
    case "structure":
      return readXmlMembers(shape.members, single(given), depth);
    case "list":
      return childrenOf(given, shape.elementName, flattened).map((element) =>
        readXml(shape.element, element, false, depth + 1),
      );
    case "map":
      return readXmlMap(shape, childrenOf(given, "entry", flattened), depth);
    default: {
      const text = single(given);
      if (!isText(text)) throw serializationError("An element with members stands where text is expected");
      return readText(shape, shape.kind === "string" ? text : text.trim(), "date-time");
    }
  }
}

/** The elements of a list or map: `given` itself when flattened, else what it wraps; an empty wrapper is text. */
function childrenOf(given: unknown, name: string, flattened: boolean): unknown[] {
  if (flattened) return asArray(given);
  const wrapper = single(given);
  return isText(wrapper) ? [] : asArray(own(wrapper, name) ?? []);
}

function readXmlMap(
  shape: Extract<Shape, { kind: "map" }>,
  entries: readonly unknown[],
  depth: number,
): Record<string, unknown> {
  const result: Record<string, unknown> = {};
  for (const entry of entries) {
    const key = own(entry, shape.keyName);
    if (!isText(key)) throw serializationError("A map entry has no key");
    const value = own(entry, shape.valueName);
    if (value !== undefined) setOwn(result, key, readXml(shape.value, value, false, depth + 1));
  }
  return result;
}

const isText = (value: unknown): value is string => typeof value === "string";
const asArray = (value: unknown): unknown[] => (Array.isArray(value) ? value : [value]);

function single(value: unknown): unknown {
  if (Array.isArray(value)) throw serializationError("An element that may come once comes several times");
  return value;
}

function own(value: unknown, name: string): unknown {
  if (typeof value !== "object" || value === null || !Object.hasOwn(value, name)) return undefined;
  return (value as Record<string, unknown>)[name];
}

export const xmlDeclaration = '<?xml version="1.0" encoding="UTF-8"?>';

/** The part of the SDK's XML writer that is used here; it follows the XML traits of the model. */
interface XmlWriter {
  writeStruct(schema: unknown, value: unknown, parentXmlns: undefined): XmlElement;
}
interface XmlElement {
  withName(name: string): XmlElement;
  addAttribute(name: string, value: string): XmlElement;
  toString(): string;
}

/** Writes a structure as the element `name`. */
export function writeXmlElement(
  codec: XmlCodec,
  schema: NormalizedSchema,
  value: unknown,
  { name, xmlns }: { readonly name: string; readonly xmlns: string | undefined },
): string {
  const writer = codec.createSerializer() as unknown as XmlWriter;
  const element = writer.writeStruct(schema, value, undefined).withName(name);
  if (xmlns) element.addAttribute("xmlns", xmlns);
  return element.toString();
}

/** Writes the body members of an output as a document. */
export function writeXmlMembers(
  codec: XmlCodec,
  schema: NormalizedSchema | undefined,
  value: unknown,
): string {
  if (schema === undefined) return "";
  const writer = codec.createSerializer();
  writer.write(schema, value);
  return xmlDeclaration + String(writer.flush());
}

const xmlEscapes: Readonly<Record<string, string>> = {
  "<": "&lt;",
  ">": "&gt;",
  "&": "&amp;",
  '"': "&quot;",
};

/** Text for element content or a quoted attribute; control characters, which XML 1.0 cannot hold, are dropped. */
export function escapeXml(text: string): string {
  return text
    .replace(/\p{Cc}/gu, (character) => ("\t\n\r".includes(character) ? character : ""))
    .replace(/[<>&"]/g, (character) => xmlEscapes[character] ?? "");
}
