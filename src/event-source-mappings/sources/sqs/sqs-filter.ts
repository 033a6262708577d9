import { compileFilter, type FilterPattern } from "../../filter-criteria.ts";

/** Whether one of the patterns lets a record of the event through. */
export type SqsFilter = (record: Readonly<Record<string, unknown>>) => boolean;

/**
 * AWS: "Using event filtering with an Amazon SQS event source". A pattern for a JSON body drops messages whose body is
 * none, one for a plain string those whose body is JSON; a pattern without `body` is about the rest of the message.
 */
export function sqsFilter(patterns: readonly string[]): SqsFilter {
  const filters = patterns.map(compileFilter).map(withBody);
  return (record) => {
    const body = parsedBody(record["body"]);
    return filters.some((lets) => lets(record, body));
  };
}

function withBody({
  pattern,
  matches,
}: FilterPattern): (record: Readonly<Record<string, unknown>>, body: object | undefined) => boolean {
  const wanted = bodyPatterns(pattern);
  if (wanted.length === 0) return matches;
  const wantsJson = wanted.some((each) => !Array.isArray(each));
  return (record, body) => {
    if (wantsJson !== (body !== undefined)) return false;
    return matches(body === undefined ? record : { ...record, body });
  };
}

/** What a pattern says of the body, also within alternatives. */
function bodyPatterns(pattern: Readonly<Record<string, unknown>>): unknown[] {
  const branches = Array.isArray(pattern["$or"]) ? (pattern["$or"] as unknown[]) : [];
  const own = pattern["body"] === undefined ? [] : [pattern["body"]];
  return [
    ...own,
    ...branches.flatMap((branch) =>
      typeof branch === "object" && branch !== null
        ? bodyPatterns(branch as Readonly<Record<string, unknown>>)
        : [],
    ),
  ];
}

/** Undefined: the body is a plain string. */
function parsedBody(body: unknown): object | undefined {
  if (typeof body !== "string" || !/^\s*[{[]/.test(body)) return undefined;
  try {
    return JSON.parse(body) as object;
  } catch {
    return undefined;
  }
}
