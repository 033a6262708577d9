import { logGroupNameOf } from "../../../core/log-arn.ts";
import { invalidLogsParameter, logGroupNotFound } from "../../../logs/log-errors.ts";
import type { GroupName } from "../../../logs/log-records.ts";
import type { RequestContext } from "../../protocol/handlers.ts";

/** The group that a request names by name or by identifier (name or ARN); exactly one of both has to be there. */
export function referencedGroup(
  input: { logGroupName?: string | undefined; logGroupIdentifier?: string | undefined },
  context: RequestContext,
): GroupName {
  const { logGroupName, logGroupIdentifier } = input;
  if (logGroupName !== undefined && logGroupIdentifier !== undefined) {
    throw invalidLogsParameter("LogGroup name and LogGroup ARN are mutually exclusive parameters.");
  }
  const identifier = logGroupName ?? logGroupIdentifier;
  if (identifier === undefined) {
    throw invalidLogsParameter("Please specify either logGroupName or logGroupIdentifier.");
  }
  return identifiedGroup(identifier, context);
}

/** The group of a name or an ARN; throws for another account's or region's. */
export function identifiedGroup(identifier: string, { account, region }: RequestContext): GroupName {
  const logGroupName = logGroupNameOf({ account, region }, identifier);
  if (logGroupName === undefined) throw logGroupNotFound();
  return { account, region, logGroupName };
}

/** A list's page by offset of a sorted list's last name. */
export function pageAfter<T>(
  sorted: readonly T[],
  page: { readonly limit: number; readonly isAfter: ((item: T) => boolean) | undefined },
): { items: readonly T[]; last: T | undefined } {
  const start = page.isAfter === undefined ? 0 : sorted.findIndex(page.isAfter);
  if (start < 0) return { items: [], last: undefined };
  const items = sorted.slice(start, start + page.limit);
  return { items, last: start + items.length < sorted.length ? items.at(-1) : undefined };
}
