import type { NormalizedSchema } from "@smithy/core/schema";
import type { Constraint } from "./constraints.ts";

/** How a timestamp is written; "protocol" leaves it to the place it stands in. */
export type TimestampFormat = "protocol" | "date-time" | "http-date" | "epoch-seconds";

/** The traits that readers and writers look at, as the SDK's schemas spell them. */
export interface Traits {
  readonly http?: readonly [method: string, path: string, status: number];
  readonly httpLabel?: 1;
  readonly httpQuery?: string;
  readonly httpQueryParams?: 1;
  readonly httpHeader?: string;
  readonly httpPrefixHeaders?: string;
  readonly httpPayload?: 1;
  readonly httpResponseCode?: 1;
  readonly jsonName?: string;
  readonly xmlName?: string;
  readonly xmlFlattened?: 1;
  readonly xmlAttribute?: 1;
  readonly mediaType?: string;
  readonly sensitive?: 1;
  readonly streaming?: 1;
  readonly eventHeader?: 1;
  readonly eventPayload?: 1;
  readonly error?: "client" | "server";
  readonly httpError?: number;
  readonly awsQueryError?: readonly [code: string, status: number];
}

export interface ScalarShape {
  readonly kind: "string" | "boolean" | "number" | "blob" | "document" | "unit";
}
export interface TimestampShape {
  readonly kind: "timestamp";
  readonly format: TimestampFormat;
}
export interface ListShape {
  readonly kind: "list";
  readonly element: Shape;
  /** Element name in XML and query bodies. */
  readonly elementName: string;
  readonly elementSensitive: boolean;
}
export interface MapShape {
  readonly kind: "map";
  readonly value: Shape;
  /** Names of an entry's halves in XML and query bodies. */
  readonly keyName: string;
  readonly valueName: string;
}
export interface StructureShape {
  readonly kind: "structure";
  readonly name: string;
  readonly union: boolean;
  readonly members: readonly Member[];
  readonly schema: NormalizedSchema;
}
export type Shape = ScalarShape | TimestampShape | ListShape | MapShape | StructureShape;

export interface Member {
  readonly name: string;
  readonly shape: Shape;
  readonly traits: Traits;
  /** Name in a JSON body of a REST service. */
  readonly jsonName: string;
  /** Name in XML and query bodies. */
  readonly xmlName: string;
  /** Name in validation messages: the first letter in lower case. */
  readonly pathName: string;
  readonly required: boolean;
  readonly streaming: boolean;
  readonly constraint: Constraint | undefined;
  readonly schema: NormalizedSchema;
}

const scalars: Record<string, ScalarShape> = {
  string: { kind: "string" },
  boolean: { kind: "boolean" },
  number: { kind: "number" },
  blob: { kind: "blob" },
  document: { kind: "document" },
  unit: { kind: "unit" },
};
const timestamps: readonly TimestampShape[] = [
  { kind: "timestamp", format: "protocol" },
  { kind: "timestamp", format: "date-time" },
  { kind: "timestamp", format: "http-date" },
  { kind: "timestamp", format: "epoch-seconds" },
];
/** The code of the first timestamp schema; the following ones name a format. */
const firstTimestampCode = 4;

/**
 * Turns the SDK's schemas into plain objects that readers, writers and validation walk without asking again: every
 * trait is looked up once, at start. Recursive shapes refer to themselves.
 */
export class ShapeCompiler {
  readonly #constraints: Readonly<Record<string, Constraint>>;
  readonly #structures = new Map<unknown, StructureShape>();
  readonly #collections = new Map<unknown, ListShape | MapShape>();

  constructor(constraints: Readonly<Record<string, Constraint>>) {
    this.#constraints = constraints;
  }

  /** Throws for the two kinds of schema (big integers, big decimals) that no supported service has. */
  compile(schema: NormalizedSchema): Shape {
    if (schema.isUnitSchema()) return scalars.unit as ScalarShape;
    if (schema.isStructSchema()) return this.#structure(schema);
    if (schema.isListSchema() || schema.isMapSchema()) return this.#collection(schema);
    if (schema.isTimestampSchema())
      return timestamps[(schema.getSchema() as number) - firstTimestampCode] as TimestampShape;
    const kind = scalarKind(schema);
    if (kind === undefined)
      throw new Error(`The schema of ${schema.getName(true)} is of an unsupported kind`);
    return scalars[kind] as ScalarShape;
  }

  #structure(schema: NormalizedSchema): StructureShape {
    // A structure's schema: [kind, namespace, name, traits, member names, member schemas, number of required ones].
    const raw = schema.getSchema() as unknown as [
      number,
      string,
      string,
      unknown,
      string[],
      unknown[],
      number?,
    ];
    const known = this.#structures.get(raw);
    if (known) return known;
    const members: Member[] = [];
    const shape: StructureShape = {
      kind: "structure",
      name: raw[2],
      union: schema.isUnionSchema(),
      members,
      schema,
    };
    this.#structures.set(raw, shape);
    // The SDK lists required members first.
    const requiredCount = raw[6] ?? 0;
    for (const [name, member] of schema.structIterator())
      members.push(this.#member(raw[2], name, member, members.length < requiredCount));
    return shape;
  }

  #member(structureName: string, name: string, schema: NormalizedSchema, required: boolean): Member {
    const traits = schema.getMergedTraits() as Traits;
    const xmlName = traits.httpPayload
      ? (traits.xmlName ?? schema.getName() ?? name)
      : memberXmlName(schema, name);
    return {
      name,
      shape: this.compile(schema),
      traits,
      jsonName: traits.jsonName ?? name,
      xmlName,
      pathName: name.charAt(0).toLowerCase() + name.slice(1),
      required,
      streaming: schema.isStreaming(),
      constraint: this.#constraints[`${structureName}.${name}`],
      schema,
    };
  }

  #collection(schema: NormalizedSchema): ListShape | MapShape {
    const raw: unknown = schema.getSchema();
    const known = this.#collections.get(raw);
    if (known) return known;
    const valueSchema = schema.getValueSchema();
    const valueTraits = valueSchema.getMergedTraits() as Traits;
    if (schema.isListSchema()) {
      const list: { -readonly [K in keyof ListShape]: ListShape[K] } = {
        kind: "list",
        element: scalars.unit as ScalarShape,
        elementName: valueTraits.xmlName ?? "member",
        elementSensitive: valueTraits.sensitive === 1,
      };
      this.#collections.set(raw, list);
      list.element = this.compile(valueSchema);
      return list;
    }
    const map: { -readonly [K in keyof MapShape]: MapShape[K] } = {
      kind: "map",
      value: scalars.unit as ScalarShape,
      keyName: (schema.getKeySchema().getMergedTraits() as Traits).xmlName ?? "key",
      valueName: valueTraits.xmlName ?? "value",
    };
    this.#collections.set(raw, map);
    map.value = this.compile(valueSchema);
    return map;
  }
}

function scalarKind(schema: NormalizedSchema): string | undefined {
  if (schema.isStringSchema()) return "string";
  if (schema.isNumericSchema()) return "number";
  if (schema.isBooleanSchema()) return "boolean";
  if (schema.isBlobSchema()) return "blob";
  return schema.isDocumentSchema() ? "document" : undefined;
}

/** A structure's own xmlName names its root element only, so a member's own trait alone counts here. */
function memberXmlName(schema: NormalizedSchema, name: string): string {
  return (schema.getMemberTraits() as Traits).xmlName ?? name;
}
