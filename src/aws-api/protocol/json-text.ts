import { dateToUtcString } from "@smithy/core/serde";
import type { Member, Shape, TimestampFormat } from "./shape.ts";
import { encodeBase64, writeDateTime } from "./text-values.ts";

/** Whether members go by their own names or by those that the model has for JSON. */
export type JsonNames = "member" | "json-name";

type Value = Record<string, unknown>;
/** Writes a value that is there. */
type Write = (value: unknown) => string;

interface WrittenMember {
  readonly name: string;
  /** The quoted name and the colon. */
  readonly prefix: string;
  readonly write: Write;
}

/** Nothing that JSON escapes, and no surrogates, of which it escapes the single ones. */
const PLAIN = /^[\u0020!#-[\]-\ud7ff\ue000-\uffff]*$/;

/**
 * Writes JSON straight from a shape: epoch-second timestamps, base64 blobs, absent members left out, and nothing that the
 * shape does not have. What to do for each shape is decided at its first use, so that a value is walked once and never copied.
 */
class JsonTexts {
  readonly #names: JsonNames;
  readonly #writes = new WeakMap<Shape, Write>();
  readonly #members = new WeakMap<readonly Member[], readonly WrittenMember[]>();

  constructor(names: JsonNames) {
    this.#names = names;
  }

  valueText(shape: Shape, value: unknown): string {
    return value === undefined || value === null ? "null" : this.#write(shape)(value);
  }

  membersText(members: readonly Member[], value: Value): string {
    let written = this.#members.get(members);
    if (written === undefined) {
      written = members.map((member) => this.#member(member));
      this.#members.set(members, written);
    }
    let text = "";
    for (const { name, prefix, write } of written) {
      const given = value[name];
      if (given === undefined || given === null) continue;
      text += text === "" ? prefix : `,${prefix}`;
      text += write(given);
    }
    return `{${text}}`;
  }

  #member(member: Member): WrittenMember {
    const jsonName = this.#names === "member" ? member.name : member.jsonName;
    return {
      name: member.name,
      prefix: `${JSON.stringify(jsonName)}:`,
      write: this.#write(member.shape),
    };
  }

  #write(shape: Shape): Write {
    const known = this.#writes.get(shape);
    if (known !== undefined) return known;
    const write = this.#compile(shape);
    this.#writes.set(shape, write);
    return write;
  }

  /** Looks at nothing inside structures, lists and maps yet: shapes may contain themselves. */
  #compile(shape: Shape): Write {
    switch (shape.kind) {
      case "structure":
        return (value) => this.membersText(shape.members, value as Value);
      case "list":
        return (value) => this.#list(shape.element, value as readonly unknown[]);
      case "map":
        return (value) => this.#map(shape.value, value as Value);
      case "blob":
        return (value) => (value instanceof Uint8Array ? `"${encodeBase64(value)}"` : JSON.stringify(value));
      case "timestamp":
        return (value) =>
          value instanceof Date ? timestampText(shape.format, value) : JSON.stringify(value);
      default:
        return scalarText;
    }
  }

  #list(element: Shape, values: readonly unknown[]): string {
    let text = "";
    for (let index = 0; index < values.length; index++)
      text += (index === 0 ? "" : ",") + this.valueText(element, values[index]);
    return `[${text}]`;
  }

  #map(valueShape: Shape, value: Value): string {
    const write = this.#write(valueShape);
    let text = "";
    for (const key of Object.keys(value)) {
      const given = value[key];
      if (given === undefined || given === null) continue;
      text += `${text === "" ? "" : ","}${stringText(key)}:${write(given)}`;
    }
    return `{${text}}`;
  }
}

const texts: Readonly<Record<JsonNames, JsonTexts>> = {
  member: new JsonTexts("member"),
  "json-name": new JsonTexts("json-name"),
};

/** The JSON text of a value; absent ones are null. */
export function valueText(shape: Shape, value: unknown, names: JsonNames): string {
  return texts[names].valueText(shape, value);
}

/** The JSON object of some members of a structure. */
export function membersText(members: readonly Member[], value: Value, names: JsonNames): string {
  return texts[names].membersText(members, value);
}

function stringText(text: string): string {
  return PLAIN.test(text) ? `"${text}"` : JSON.stringify(text);
}

function scalarText(value: unknown): string {
  if (typeof value === "string") return stringText(value);
  // JSON has no other numbers than finite ones; AWS writes them as text.
  if (typeof value === "number") return Number.isFinite(value) ? String(value) : `"${value}"`;
  return JSON.stringify(value);
}

function timestampText(format: TimestampFormat, value: Date): string {
  if (format === "date-time") return `"${writeDateTime(value)}"`;
  return format === "http-date" ? `"${dateToUtcString(value)}"` : scalarText(value.getTime() / 1000);
}
