import type { Constraint } from "./constraints.ts";
import { serializationError } from "./serialization-error.ts";
import type { Member, ScalarShape, Shape, StructureShape } from "./shape.ts";
import { decodeBase64, readTimestamp } from "./text-values.ts";

/** How a format that already has types (JSON, CBOR) represents what differs between such formats. */
export interface ValueFormat {
  memberName(member: Member): string;
  blob(value: unknown): Uint8Array | undefined;
  timestamp(value: unknown, shape: Extract<Shape, { kind: "timestamp" }>): Date | undefined;
}

/** JSON bodies: binary is base64, time is epoch seconds unless the model says otherwise. */
export const jsonFormat: ValueFormat = {
  memberName: (member) => member.name,
  blob: (value) => (typeof value === "string" ? decodeBase64(value) : undefined),
  timestamp: (value, { format }) =>
    typeof value === "number" || typeof value === "string"
      ? readTimestamp(value, format === "protocol" ? "epoch-seconds" : format)
      : undefined,
};

/** JSON bodies of REST services, whose members may have a name of their own there. */
export const restJsonFormat: ValueFormat = { ...jsonFormat, memberName: (member) => member.jsonName };

/** CBOR bodies: binary and time are types of the format. */
export const cborFormat: ValueFormat = {
  memberName: (member) => member.name,
  blob: (value) => (value instanceof Uint8Array ? value : undefined),
  timestamp: (value) => (value instanceof Date && !Number.isNaN(value.getTime()) ? value : undefined),
};

/** Deeper than any AWS shape; recursive shapes must not let a request exhaust the stack of code that walks it. */
export const maxDepth = 64;

interface Place {
  readonly path: string;
  readonly depth: number;
}

/**
 * Turns a parsed body into the input that a shape describes: known members only, every type checked. Throws
 * SerializationException that names the place of a wrong type.
 */
export function readStructure(
  shape: StructureShape | { readonly members: readonly Member[] },
  value: unknown,
  format: ValueFormat,
  place: Place = { path: "", depth: 0 },
): Record<string, unknown> {
  if (!isRecord(value)) throw mismatch(value, "a structure", place);
  const result: Record<string, unknown> = {};
  for (const member of shape.members) {
    const name = format.memberName(member);
    // Own properties only: a client must not reach a member through "__proto__".
    const given = Object.hasOwn(value, name) ? value[name] : undefined;
    if (given === undefined || given === null) continue;
    const path = place.path === "" ? member.pathName : `${place.path}.${member.pathName}`;
    checkNumberType(member.constraint, given, path);
    result[member.name] = readValue(member.shape, given, format, { path, depth: place.depth + 1 });
  }
  return result;
}

/** Reads one value of any shape; see `readStructure`. */
export function readValue(shape: Shape, value: unknown, format: ValueFormat, place: Place): unknown {
  if (place.depth > maxDepth) throw serializationError(`The request is nested too deeply at '${place.path}'`);
  switch (shape.kind) {
    case "structure":
      return readStructure(shape, value, format, place);
    case "list":
      return readList(shape.element, value, format, place);
    case "map":
      return readMap(shape.value, value, format, place);
    case "blob":
      return format.blob(value) ?? refuse(value, "a Blob", place);
    case "timestamp":
      return format.timestamp(value, shape) ?? refuse(value, "a Timestamp", place);
    default:
      return readScalar(shape.kind, value, place);
  }
}

function readScalar(kind: ScalarShape["kind"], value: unknown, place: Place): unknown {
  switch (kind) {
    case "number":
      return readNumber(value, place);
    case "string":
      return typeof value === "string" ? value : refuse(value, "a String", place);
    case "boolean":
      return typeof value === "boolean" ? value : refuse(value, "a Boolean", place);
    case "blob":
    case "document":
      return value;
    case "unit":
      return {};
  }
}

function readNumber(value: unknown, place: Place): number {
  if (typeof value === "number") return value;
  if (value === "NaN" || value === "Infinity" || value === "-Infinity") return Number(value);
  return refuse(value, "a Number", place);
}

function readList(element: Shape, values: unknown, format: ValueFormat, place: Place): unknown[] {
  if (!Array.isArray(values)) throw mismatch(values, "a List", place);
  return (values as unknown[]).map((value, index) =>
    value === null
      ? null
      : readValue(element, value, format, {
          path: `${place.path}.${index + 1}.member`,
          depth: place.depth + 1,
        }),
  );
}

function readMap(
  valueShape: Shape,
  value: unknown,
  format: ValueFormat,
  place: Place,
): Record<string, unknown> {
  if (!isRecord(value)) throw mismatch(value, "a Map", place);
  const result: Record<string, unknown> = {};
  for (const key of Object.keys(value)) {
    const given = value[key];
    if (given === null || given === undefined) continue;
    const read = readValue(valueShape, given, format, {
      path: `${place.path}.${key}`,
      depth: place.depth + 1,
    });
    setOwn(result, key, read);
  }
  return result;
}

/** Sets a property as an own one even when it is called "__proto__". */
export function setOwn(target: Record<string, unknown>, key: string, value: unknown): void {
  if (key === "__proto__")
    Object.defineProperty(target, key, { value, writable: true, enumerable: true, configurable: true });
  else target[key] = value;
}

/** The schemas do not tell whole numbers from others; the constraint table does. */
export function checkNumberType(constraint: Constraint | undefined, value: unknown, path: string): void {
  const type = constraint?.type;
  if (type === undefined || typeof value !== "number" || type === "float" || type === "double") return;
  const limit = type === "integer" ? 2 ** 31 : 2 ** 63;
  if (!Number.isInteger(value) || value < -limit || value >= limit)
    throw serializationError(
      `NUMBER_VALUE can not be converted to ${type === "integer" ? "an Integer" : "a Long"} at '${path}'`,
    );
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return (
    typeof value === "object" &&
    value !== null &&
    !Array.isArray(value) &&
    !(value instanceof Uint8Array) &&
    !(value instanceof Date)
  );
}

function refuse(value: unknown, wanted: string, place: Place): never {
  throw mismatch(value, wanted, place);
}

// AWS: "STRING_VALUE can not be converted to an Integer"; the place is added.
function mismatch(value: unknown, wanted: string, place: Place): Error {
  const where = place.path === "" ? "" : ` at '${place.path}'`;
  return serializationError(`${tokenOf(value)} can not be converted to ${wanted}${where}`);
}

function tokenOf(value: unknown): string {
  if (value === null || value === undefined) return "NULL_VALUE";
  if (Array.isArray(value)) return "START_ARRAY";
  switch (typeof value) {
    case "string":
      return "STRING_VALUE";
    case "number":
    case "bigint":
      return "NUMBER_VALUE";
    case "boolean":
      return value ? "TRUE_VALUE" : "FALSE_VALUE";
    default:
      return "START_OBJECT";
  }
}
