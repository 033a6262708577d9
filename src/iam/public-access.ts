import type { PolicyDocument } from "../core/policy-document.ts";
import { evaluatePolicies } from "../core/policy-evaluation.ts";
import type { RequiredPermission } from "../core/request-actions.ts";

/** A request of which nobody says who makes it. */
export interface AnonymousRequest {
  readonly permissions: readonly RequiredPermission[];
  readonly region: string;
  /** Epoch milliseconds, for conditions on the date. */
  readonly nowMs: number;
  readonly sourceIp?: string | undefined;
}

/** Whether a resource's policy lets everybody do all of this: the only policy that speaks of callers without a name. */
export function mayAnybody(policy: PolicyDocument | undefined, request: AnonymousRequest): boolean {
  if (policy === undefined) return false;
  const { nowMs, region, sourceIp } = request;
  return request.permissions.every(({ action, resources, context = {} }) => {
    const keys = new Map<string, readonly string[]>([
      ["aws:requestedregion", [region]],
      ["aws:currenttime", [new Date(nowMs).toISOString()]],
      ["aws:epochtime", [String(Math.floor(nowMs / 1000))]],
      ["aws:securetransport", ["false"]],
    ]);
    if (sourceIp !== undefined) keys.set("aws:sourceip", [sourceIp]);
    for (const [key, value] of Object.entries(context)) keys.set(key.toLowerCase(), [value].flat());
    return evaluatePolicies([policy], { action, resources, context: keys, principals: {} }) === "allowed";
  });
}
