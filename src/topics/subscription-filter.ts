import { compileEventPattern, type EventTest, InvalidEventPattern } from "../core/event-pattern.ts";
import type { MessageAttribute } from "../ports/event-targets.ts";
import { invalidParameter } from "./topic-errors.ts";

/** Whether a subscription gets a message. */
export type SubscriptionFilter = (
  message: string,
  attributes: Readonly<Record<string, MessageAttribute>>,
) => boolean;

/** AWS: a filter policy has at most five keys. */
const KEYS_MAX = 5;
const accepts = (): boolean => true;

/**
 * The filter of a subscription's FilterPolicy, on the attributes or on the body. Throws SNS's error for what is none.
 * Follows "Amazon SNS subscription filter policies".
 */
export function filterOf(attributes: Readonly<Record<string, string>>): SubscriptionFilter {
  const text = attributes.FilterPolicy;
  if (text === undefined || text === "" || text === "{}") return accepts;
  const test = compiled(text);
  return attributes.FilterPolicyScope === "MessageBody"
    ? (message) => test(parsed(message))
    : (_message, given) => test(valuesOf(given));
}

function compiled(text: string): EventTest {
  try {
    const test = compileEventPattern(text);
    if (Object.keys(JSON.parse(text) as object).length > KEYS_MAX)
      throw new InvalidEventPattern("Filter policy can not have more than 5 keys");
    return test;
  } catch (error) {
    if (error instanceof InvalidEventPattern) throw invalidParameter(`FilterPolicy: ${error.message}`);
    throw error;
  }
}

/** Undefined, which no pattern matches, for what is no JSON. */
function parsed(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}

/** AWS: numbers are compared as numbers, and `String.Array` stands for its elements; binary values match nothing. */
function valuesOf(attributes: Readonly<Record<string, MessageAttribute>>): Record<string, unknown> {
  const values: Record<string, unknown> = {};
  for (const [name, { type, stringValue }] of Object.entries(attributes)) {
    if (stringValue === undefined) continue;
    if (type === "String.Array") values[name] = parsed(stringValue);
    else values[name] = type.startsWith("Number") ? Number(stringValue) : stringValue;
  }
  return values;
}
