import type { InputTransformer, RuleTarget } from "./bus-records.ts";
import { parseJsonPath } from "./json-path.ts";

/** What the reserved variables of a template stand for. */
export interface InputContext {
  readonly ruleArn: string;
  readonly ruleName: string;
  readonly ingestionTimeMs: number;
}

const EVENT_JSON = "aws.events.event.json";
const RESERVED = new Set([
  "aws.events.rule-arn",
  "aws.events.rule-name",
  "aws.events.event.ingestion-time",
  "aws.events.event",
  EVENT_JSON,
]);
const VARIABLE = /<([A-Za-z0-9_.-]+)>/g;

/** What a target gets of an event: the event, a part of it, a constant or a text made from a template. */
export function targetInput(target: RuleTarget, event: string, context: InputContext): string {
  if (target.Input !== undefined) return target.Input;
  if (target.InputPath !== undefined) {
    const found = parseJsonPath(target.InputPath)?.select(JSON.parse(event));
    return found === undefined ? "" : JSON.stringify(found);
  }
  return target.InputTransformer === undefined ? event : transformed(target.InputTransformer, event, context);
}

/** What is wrong with the input of a target, in AWS's words; undefined: nothing. */
export function findInputError(target: RuleTarget): string | undefined {
  const { Id: id, Input: input, InputPath: path, InputTransformer: transformer } = target;
  if ([input, path, transformer].filter((part) => part !== undefined).length > 1)
    return `Only one of Input, InputPath, or InputTransformer must be provided for target ${id}.`;
  if (input !== undefined && !isJson(input)) return `JSON syntax error in input for target ${id}.`;
  if (path !== undefined && parseJsonPath(path) === undefined)
    return `InputPath for target ${id} is invalid.`;
  return transformer && findTransformerError(transformer, id);
}

function findTransformerError(transformer: InputTransformer, id: string): string | undefined {
  const paths = transformer.InputPathsMap ?? {};
  const names = Object.keys(paths);
  if (names.some((name) => name.startsWith("aws.")))
    return `InputPathsMap for target ${id} has reserved names.`;
  if (Object.values(paths).some((path) => parseJsonPath(path) === undefined))
    return `InputTransformer for target ${id} has an invalid path.`;
  const template = transformer.InputTemplate ?? "";
  for (const [, name = ""] of template.matchAll(VARIABLE))
    if (!names.includes(name) && !RESERVED.has(name))
      return `InputTemplate for target ${id} contains placeholder ${name} which is not in InputPathsMap.`;
  // A template is JSON once its variables are: an object, or quoted lines of text.
  const trimmed = template.trim();
  if (!trimmed.startsWith("{") && !trimmed.startsWith("[")) return undefined;
  return isJson(fill(template, () => 0)) ? undefined : `Invalid InputTemplate for target ${id}.`;
}

function transformed(
  { InputPathsMap: paths = {}, InputTemplate: template = "" }: InputTransformer,
  event: string,
  { ruleArn, ruleName, ingestionTimeMs }: InputContext,
): string {
  const parsed: unknown = JSON.parse(event);
  const values = new Map<string, unknown>([
    ["aws.events.rule-arn", ruleArn],
    ["aws.events.rule-name", ruleName],
    ["aws.events.event.ingestion-time", new Date(ingestionTimeMs).toISOString()],
    ["aws.events.event", withoutDetail(parsed)],
    [EVENT_JSON, parsed],
  ]);
  for (const [name, path] of Object.entries(paths)) values.set(name, parseJsonPath(path)?.select(parsed));
  return fill(template, (name) => values.get(name));
}

/** AWS: "aws.events.event" is the event without its detail. */
function withoutDetail(event: unknown): unknown {
  if (typeof event !== "object" || event === null) return event;
  const { detail: _detail, ...rest } = event as Record<string, unknown>;
  return rest;
}

/**
 * Puts values in place of the variables: inside a JSON text's quotes as text, escaped; elsewhere as JSON, text with
 * quotes when the template is JSON, without when it is text.
 */
function fill(template: string, lookUp: (name: string) => unknown): string {
  const isJsonTemplate = /^\s*[{[]/.test(template);
  let inQuotes = false;
  let filled = "";
  let at = 0;
  for (const match of template.matchAll(VARIABLE)) {
    const before = template.slice(at, match.index);
    inQuotes = endsInQuotes(before, inQuotes);
    filled += before + written(lookUp(match[1] ?? ""), { inQuotes, isJsonTemplate });
    at = match.index + match[0].length;
  }
  return filled + template.slice(at);
}

function written(
  value: unknown,
  place: { readonly inQuotes: boolean; readonly isJsonTemplate: boolean },
): string {
  const { inQuotes, isJsonTemplate } = place;
  if (inQuotes) {
    // AWS: what a path does not find is an empty text.
    const text = typeof value === "string" ? value : value === undefined ? "" : JSON.stringify(value);
    return JSON.stringify(text).slice(1, -1);
  }
  if (value === undefined) return isJsonTemplate ? '""' : "";
  return typeof value === "string" && !isJsonTemplate ? value : JSON.stringify(value);
}

function endsInQuotes(text: string, startsInQuotes: boolean): boolean {
  let inQuotes = startsInQuotes;
  for (let index = 0; index < text.length; index++) {
    if (text[index] === "\\" && inQuotes) index++;
    else if (text[index] === '"') inQuotes = !inQuotes;
  }
  return inQuotes;
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}
