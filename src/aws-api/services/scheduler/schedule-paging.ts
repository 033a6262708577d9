import { scheduleInvalid } from "../../../schedules/scheduler-errors.ts";

const RESULTS_DEFAULT = 100;

/** A page of a list that is sorted by key. The token is the last key. */
export function pageOf<T>(
  items: readonly T[],
  input: { readonly NextToken?: string | undefined; readonly MaxResults?: number | undefined },
  keyOf: (item: T) => string,
): { readonly page: T[]; readonly NextToken?: string } {
  const sorted = items.toSorted((left, right) => (keyOf(left) < keyOf(right) ? -1 : 1));
  const after = input.NextToken === undefined ? undefined : keyIn(input.NextToken);
  const rest = after === undefined ? sorted : sorted.filter((item) => keyOf(item) > after);
  const page = rest.slice(0, input.MaxResults ?? RESULTS_DEFAULT);
  const last = page.at(-1);
  return page.length < rest.length && last !== undefined
    ? { page, NextToken: Buffer.from(JSON.stringify({ after: keyOf(last) })).toString("base64url") }
    : { page };
}

function keyIn(token: string): string {
  try {
    const { after } = JSON.parse(Buffer.from(token, "base64url").toString("utf8")) as { after?: unknown };
    if (typeof after === "string") return after;
  } catch {
    // Said below.
  }
  throw scheduleInvalid("Invalid NextToken.");
}

/** Members without those that are not there. */
export function defined<T extends object>(members: T): T {
  return Object.fromEntries(Object.entries(members).filter(([, value]) => value !== undefined)) as T;
}
