import { AwsError } from "../../core/errors.ts";
import type { Constraint } from "./constraints.ts";
import type { ListShape, MapShape, Member, Shape } from "./shape.ts";

/** What `validate` is asked to leave out. */
export interface Leniency {
  /** "Structure.member" names whose enum the service checks itself. */
  readonly members: ReadonlySet<string>;
}

/** AWS lists every violation; a hostile list of a million bad elements gets no million messages. */
const maxViolations = 100;
/** Longer values than any model allows are not run against a pattern: the length violation is reported alone. */
const maxPatternInput = 70_000;
const maxQuotedLength = 10_000;

interface Subject {
  readonly path: string;
  readonly sensitive: boolean;
  /** The service checks the enum itself. */
  readonly lenient: boolean;
  /** Its numbers, or those in it, are floating-point ones, which Java prints as such. */
  readonly isFloat: boolean;
}

/**
 * Checks an input against the model's constraints. Throws one error with AWS's text that lists every violation:
 * `2 validation errors detected: Value '…' at '…' failed to satisfy constraint: …; Value …`.
 */
export function validate(
  shape: Shape,
  input: Record<string, unknown>,
  leniency: Leniency,
  errorCode: string,
): void {
  if (shape.kind !== "structure") return;
  const checker = new Checker(leniency);
  checker.structure(shape.name, shape.members, input, "");
  const { violations } = checker;
  if (violations.length === 0) return;
  const heading = violations.length === 1 ? "1 validation error" : `${violations.length} validation errors`;
  throw new AwsError(errorCode, `${heading} detected: ${violations.join("; ")}`, 400);
}

class Checker {
  readonly violations: string[] = [];
  readonly #leniency: Leniency;

  constructor(leniency: Leniency) {
    this.#leniency = leniency;
  }

  structure(name: string, members: readonly Member[], value: Record<string, unknown>, prefix: string): void {
    for (const member of members) {
      const given = value[member.name];
      if (given === undefined) {
        if (member.required) this.#violation(null, at(prefix, member), "Member must not be null");
        continue;
      }
      if (member.streaming) continue;
      if (isScalar(member.shape) && satisfies(member.shape, given, member.constraint)) continue;
      const lenient = this.#leniency.members.has(`${name}.${member.name}`);
      this.#value(member.shape, given, member.constraint, { ...at(prefix, member), lenient });
    }
  }

  #value(shape: Shape, value: unknown, constraint: Constraint | undefined, subject: Subject): void {
    if (constraint)
      for (const demand of violated(shape, value, constraint, subject.lenient))
        this.#violation(value, subject, demand);
    if (shape.kind === "structure")
      this.structure(shape.name, shape.members, value as Record<string, unknown>, subject.path);
    else if (shape.kind === "list") this.#list(shape, value as unknown[], constraint?.member, subject);
    else if (shape.kind === "map") this.#map(shape, value as Record<string, unknown>, constraint, subject);
  }

  #list(shape: ListShape, values: unknown[], constraint: Constraint | undefined, subject: Subject): void {
    const { element } = shape;
    if (element.kind === "structure" || element.kind === "list" || element.kind === "map") {
      values.forEach((value, index) => {
        if (this.violations.length >= maxViolations) return;
        const inner = {
          path: `${subject.path}.${index + 1}.member`,
          sensitive: shape.elementSensitive,
          lenient: false,
          isFloat: isFloat(constraint),
        };
        if (value === null || value === undefined) this.#violation(null, inner, "Member must not be null");
        else this.#value(element, value, constraint, inner);
      });
      return;
    }
    // AWS: simple elements are reported together, with every demand on them.
    const bad = values.some(
      (value) =>
        value === null ||
        value === undefined ||
        (constraint !== undefined && violated(element, value, constraint, false).length > 0),
    );
    if (bad)
      this.#violation(values, subject, `Member must satisfy constraint: [${demandsOn(element, constraint)}]`);
  }

  #map(
    shape: MapShape,
    value: Record<string, unknown>,
    constraint: Constraint | undefined,
    subject: Subject,
  ): void {
    const keys = Object.keys(value);
    const keyConstraint = constraint?.key;
    const stringShape: Shape = { kind: "string" };
    if (keyConstraint && keys.some((key) => violated(stringShape, key, keyConstraint, false).length > 0))
      this.#violation(
        value,
        subject,
        `Map keys must satisfy constraint: [${demandsOn(stringShape, keyConstraint)}]`,
      );
    const valueConstraint = constraint?.value;
    if (shape.value.kind === "structure" || shape.value.kind === "list" || shape.value.kind === "map") {
      for (const key of keys) {
        if (this.violations.length >= maxViolations) return;
        this.#value(shape.value, value[key], valueConstraint, {
          ...subject,
          path: `${subject.path}.${key}.member`,
        });
      }
    } else if (
      valueConstraint &&
      keys.some((key) => violated(shape.value, value[key], valueConstraint, false).length > 0)
    )
      this.#violation(
        value,
        subject,
        `Map value must satisfy constraint: [${demandsOn(shape.value, valueConstraint)}]`,
      );
  }

  #violation(value: unknown, subject: Subject, demand: string): void {
    if (this.violations.length >= maxViolations) return;
    // AWS: the value of a sensitive member is not repeated.
    const quoted =
      value === null
        ? "Value null"
        : subject.sensitive
          ? "Value"
          : `Value '${javaText(value, subject.isFloat)}'`;
    this.violations.push(`${quoted} at '${subject.path}' failed to satisfy constraint: ${demand}`);
  }
}

function at(prefix: string, member: Member): Subject {
  return {
    path: prefix === "" ? member.pathName : `${prefix}.${member.pathName}`,
    sensitive: member.traits.sensitive === 1,
    lenient: false,
    isFloat: isFloat(member.constraint),
  };
}

const isFloat = (constraint: Constraint | undefined): boolean =>
  constraint !== undefined &&
  (isFloatType(constraint) || isFloat(constraint.value) || isFloat(constraint.member));

const isFloatType = ({ type }: Constraint): boolean => type === "float" || type === "double";

function isScalar(shape: Shape): boolean {
  return shape.kind !== "structure" && shape.kind !== "list" && shape.kind !== "map";
}

/** Whether `violated` would name nothing: most values are good, and this makes nothing. */
function satisfies(shape: Shape, value: unknown, constraint: Constraint | undefined): boolean {
  if (constraint === undefined) return true;
  const { min, max, pattern } = constraint;
  const size = min === undefined && max === undefined ? undefined : sizeOf(shape, value);
  if (size !== undefined && ((max !== undefined && size > max) || (min !== undefined && size < min)))
    return false;
  if (typeof value !== "string") return true;
  if (constraint.enum !== undefined && !constraint.enum.includes(value)) return false;
  return pattern === undefined || value.length > maxPatternInput || compiled(pattern).test(value);
}

/** The demands of a constraint that a value does not meet. */
function violated(shape: Shape, value: unknown, constraint: Constraint, lenient: boolean): string[] {
  const demands: string[] = [];
  const size = sizeOf(shape, value);
  if (size !== undefined) {
    if (constraint.max !== undefined && size > constraint.max)
      demands.push(maximum(shape, constraint, constraint.max));
    if (constraint.min !== undefined && size < constraint.min)
      demands.push(minimum(shape, constraint, constraint.min));
  }
  if (typeof value !== "string") return demands;
  if (constraint.enum && !lenient && !constraint.enum.includes(value))
    demands.push(enumDemand(constraint.enum));
  if (
    constraint.pattern !== undefined &&
    value.length <= maxPatternInput &&
    !compiled(constraint.pattern).test(value)
  )
    demands.push(patternDemand(constraint.pattern));
  return demands;
}

/** Every demand of a constraint, in the order in which AWS lists them for elements of lists and maps. */
function demandsOn(shape: Shape, constraint: Constraint | undefined): string {
  const demands: string[] = [];
  if (constraint?.max !== undefined) demands.push(maximum(shape, constraint, constraint.max));
  if (constraint?.min !== undefined) demands.push(minimum(shape, constraint, constraint.min));
  if (constraint?.pattern !== undefined) demands.push(patternDemand(constraint.pattern));
  if (constraint?.enum) demands.push(enumDemand(constraint.enum));
  return [...demands, "Member must not be null"].join(", ");
}

const measured = (shape: Shape): string => (shape.kind === "number" ? "value" : "length");
const minimum = (shape: Shape, constraint: Constraint, limit: number): string =>
  `Member must have ${measured(shape)} greater than or equal to ${numberText(constraint, limit)}`;
const maximum = (shape: Shape, constraint: Constraint, limit: number): string =>
  `Member must have ${measured(shape)} less than or equal to ${numberText(constraint, limit)}`;
const patternDemand = (pattern: string): string =>
  `Member must satisfy regular expression pattern: ${pattern}`;
const enumDemand = (values: readonly string[]): string =>
  `Member must satisfy enum value set: [${values.join(", ")}]`;

/** AWS: limits of floating-point members are printed as Java prints doubles. */
function numberText(constraint: Constraint, limit: number): string {
  return javaNumber(limit, isFloatType(constraint));
}

const javaNumber = (value: number, isFloatingPoint: boolean): string =>
  isFloatingPoint && Number.isInteger(value) ? `${value}.0` : String(value);

function sizeOf(shape: Shape, value: unknown): number | undefined {
  if (typeof value === "number") return value;
  if (typeof value === "string") return value.length;
  if (value instanceof Uint8Array) return value.byteLength;
  if (Array.isArray(value)) return value.length;
  return shape.kind === "map" ? Object.keys(value as object).length : undefined;
}

const patterns = new Map<string, RegExp>();

/** AWS matches whole values. A few of its patterns are no valid Unicode-mode expressions. */
function compiled(pattern: string): RegExp {
  let expression = patterns.get(pattern);
  if (expression === undefined) {
    const whole = `^(?:${pattern})$`;
    try {
      expression = new RegExp(whole, "u");
    } catch {
      expression = new RegExp(whole);
    }
    patterns.set(pattern, expression);
  }
  return expression;
}

/** A value as Java's toString prints it, since that is what AWS quotes. */
function javaText(value: unknown, hasFloats: boolean): string {
  const text = javaTextOf(value, { depth: 0, hasFloats });
  return text.length > maxQuotedLength ? `${text.slice(0, maxQuotedLength)}…` : text;
}

function javaTextOf(value: unknown, { depth, hasFloats }: { depth: number; hasFloats: boolean }): string {
  if (value === null || value === undefined) return "null";
  if (value instanceof Uint8Array)
    return `java.nio.HeapByteBuffer[pos=0 lim=${value.byteLength} cap=${value.byteLength}]`;
  if (value instanceof Date) return value.toISOString();
  if (typeof value === "string") return value.slice(0, maxQuotedLength + 1);
  if (typeof value === "number") return javaNumber(value, hasFloats);
  if (typeof value === "boolean") return String(value);
  if (typeof value !== "object" || depth > 4) return "…";
  const inner = { depth: depth + 1, hasFloats };
  if (Array.isArray(value))
    return `[${value
      .slice(0, 100)
      .map((element) => javaTextOf(element, inner))
      .join(", ")}]`;
  const entries = Object.entries(value).slice(0, 100);
  return `{${entries.map(([key, element]) => `${key}=${javaTextOf(element, inner)}`).join(", ")}}`;
}
