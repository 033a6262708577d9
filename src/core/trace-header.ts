import type { FunctionVersion } from "./function-version.ts";
import { nextLineage } from "./lineage.ts";

/** The parts of an X-Ray trace header (X-Amzn-Trace-Id) that are handed on to functions. */
export interface TraceHeader {
  /** "1-", eight digits of the second in which the trace began, "-", 24 digits. */
  readonly root: string;
  readonly parent: string | undefined;
  /** Undefined: whoever reads it decides. */
  readonly sampled: boolean | undefined;
  /** AWS's own account of loops between services; see lineage.ts. */
  readonly lineage: string | undefined;
}

/** What a trace header is made of. */
export interface TraceMaterial {
  readonly nowMs: number;
  /** 48 hexadecimal digits. */
  readonly randomHex: string;
}

/** Digits of `randomHex` behind those of the trace and the segment, for the draw. */
const DRAW_DIGITS = 8;

/** Undefined when there is no usable trace id in it. */
export function parseTraceHeader(text: string): TraceHeader | undefined {
  const fields = new Map(
    text.split(";").map((field): [string, string] => {
      const [name = "", ...value] = field.trim().split("=");
      return [name, value.join("=")];
    }),
  );
  const root = fields.get("Root") ?? "";
  if (!/^1-[0-9a-fA-F]{8}-[0-9a-fA-F]{24}$/.test(root)) return undefined;
  const parent = fields.get("Parent");
  const sampled = fields.get("Sampled");
  return {
    root,
    parent: parent !== undefined && /^[0-9a-fA-F]{16}$/.test(parent) ? parent : undefined,
    sampled: sampled === "1" ? true : sampled === "0" ? false : undefined,
    lineage: fields.get("Lineage"),
  };
}

function format({ root, parent, sampled, lineage }: TraceHeader): string {
  const tail = lineage === undefined ? "" : `;Lineage=${lineage}`;
  return `Root=${root};Parent=${parent};Sampled=${sampled ? 1 : 0}${tail}`;
}

/** A new trace, about which nothing else is decided. */
export const freshTraceHeader = (material: TraceMaterial): string => `Root=${freshRoot(material)}`;

function freshRoot({ nowMs, randomHex }: TraceMaterial): string {
  const epoch = Math.floor(nowMs / 1000)
    .toString(16)
    .padStart(8, "0");
  return `1-${epoch}-${randomHex.slice(0, 24)}`;
}

/** AWS: one request a second and five of a hundred of the others ("Visualize Lambda function invocations"). */
const SAMPLED_SHARE = 0.05;

/**
 * Makes the trace header of each invocation. A decision that the caller has made is kept. In mode Active the platform
 * decides where the caller has not, and the function's own segment is the parent of what comes; in mode PassThrough
 * nothing is sampled that was not before.
 */
export class TraceHeaders {
  /** The second in which a function version was sampled last. */
  readonly #sampledSecond = new WeakMap<FunctionVersion, number>();

  headerFor(version: FunctionVersion, incoming: string | undefined, material: TraceMaterial): string {
    const { randomHex } = material;
    const given = incoming === undefined ? undefined : parseTraceHeader(incoming);
    const segment = randomHex.slice(24, 40);
    const isActive = version.tracingMode === "Active";
    return format({
      root: given?.root ?? freshRoot(material),
      parent: isActive ? segment : (given?.parent ?? segment),
      sampled: given?.sampled ?? (isActive && this.#isSampled(version, material)),
      lineage: nextLineage(given?.lineage, version),
    });
  }

  #isSampled(version: FunctionVersion, { nowMs, randomHex }: TraceMaterial): boolean {
    const second = Math.floor(nowMs / 1000);
    if (this.#sampledSecond.get(version) !== second) {
      this.#sampledSecond.set(version, second);
      return true;
    }
    const draw = Number.parseInt(randomHex.slice(40, 40 + DRAW_DIGITS), 16) / 16 ** DRAW_DIGITS;
    return draw < SAMPLED_SHARE;
  }
}
