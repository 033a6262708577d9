import { eventsInvalid } from "../../../buses/bus-errors.ts";

const LIMIT_DEFAULT = 100;

/** A page of a list that is sorted by name. The token is the last name. */
export function pageOf<T>(
  items: readonly T[],
  input: { readonly NextToken?: string | undefined; readonly Limit?: number | undefined },
  nameOf: (item: T) => string,
): { readonly page: T[]; readonly NextToken?: string } {
  const after = input.NextToken === undefined ? undefined : nameIn(input.NextToken);
  const rest = after === undefined ? items : items.filter((item) => nameOf(item) > after);
  const page = rest.slice(0, input.Limit ?? LIMIT_DEFAULT);
  const last = page.at(-1);
  return page.length < rest.length && last !== undefined
    ? { page, NextToken: Buffer.from(JSON.stringify({ after: nameOf(last) })).toString("base64url") }
    : { page };
}

function nameIn(token: string): string {
  try {
    const { after } = JSON.parse(Buffer.from(token, "base64url").toString("utf8")) as { after?: unknown };
    if (typeof after === "string") return after;
  } catch {
    // Said below.
  }
  throw eventsInvalid("The specified NextToken is invalid.");
}

/** Names in the order of their characters' codes. */
export const byName = (left: { readonly name: string }, right: { readonly name: string }): number =>
  left.name < right.name ? -1 : 1;

export const tagsOf = (
  tags: readonly { readonly Key?: string | undefined; readonly Value?: string | undefined }[] = [],
): Record<string, string> => Object.fromEntries(tags.map(({ Key, Value }) => [Key ?? "", Value ?? ""]));

/** AWS's members without those that are not there. */
export function defined<T extends object>(members: T): T {
  return Object.fromEntries(Object.entries(members).filter(([, value]) => value !== undefined)) as T;
}

export const dateOf = (timeMs: number | undefined): Date | undefined =>
  timeMs === undefined ? undefined : new Date(timeMs);
