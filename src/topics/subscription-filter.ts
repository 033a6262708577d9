import { compileEventPattern, type EventTest, InvalidEventPattern } from "../core/event-pattern.ts";
import { patternCombinations, patternFields } from "../core/pattern-combinations.ts";
import type { MessageAttribute } from "../ports/event-targets.ts";
import { invalidParameter } from "./topic-errors.ts";

/** Whether a subscription gets a message. */
export type SubscriptionFilter = (
  message: string,
  attributes: Readonly<Record<string, MessageAttribute>>,
) => boolean;

/** See "Filter policy constraints in Amazon SNS". */
const KEYS_MAX = 5;
const COMBINATIONS_MAX = 150;
const accepts = (): boolean => true;

/**
 * The filter of a subscription's FilterPolicy, on the attributes or on the body. Throws SNS's error for what is none.
 * Follows "Amazon SNS subscription filter policies".
 */
export function filterOf(attributes: Readonly<Record<string, string>>): SubscriptionFilter {
  const text = attributes.FilterPolicy;
  if (text === undefined || text === "" || text === "{}") return accepts;
  const isOnBody = attributes.FilterPolicyScope === "MessageBody";
  const test = compiled(text, isOnBody);
  return isOnBody ? (message) => test(parsed(message)) : (_message, given) => test(valuesOf(given));
}

function compiled(text: string, isOnBody: boolean): EventTest {
  try {
    const test = compileEventPattern(text);
    const policy = JSON.parse(text) as Record<string, unknown>;
    if (patternFields(policy).size > KEYS_MAX)
      throw new InvalidEventPattern("Filter policy can not have more than 5 keys");
    // AWS: on the body a value counts once for each level of its key.
    const combinations = patternCombinations(
      policy,
      (values, depth) => values.length * (isOnBody ? depth : 1),
    );
    if (combinations > COMBINATIONS_MAX) throw new InvalidEventPattern("Filter policy is too complex");
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
