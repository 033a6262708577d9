import type { LogTarget } from "../buses/bus-delivery.ts";
import { logGroupArn } from "../core/log-arn.ts";
import { evaluatePolicies } from "../core/policy-evaluation.ts";
import type { CloudWatchLogs } from "../logs/cloudwatch-logs.ts";
import { putLogEvents } from "../logs/put-log-events.ts";
import { DeliveryRefused, type EventSender } from "../ports/event-targets.ts";
import type { LogStreamReference } from "../ports/log-sink.ts";

/**
 * Log groups as targets of rules. AWS: each gets streams with names of their own, and a policy of the account's has to let
 * the service write; here it has to where access is enforced.
 */
export function eventLogTarget(
  logs: CloudWatchLogs,
  logStreamName: string,
  access: "open" | "enforced",
): LogTarget {
  return {
    put: async (group, event, sender) => {
      const known = logs.catalogue.group(group);
      if (known === undefined)
        throw new DeliveryRefused("ResourceNotFoundException", "The specified log group does not exist.");
      if (access === "enforced" && !(await mayWrite(logs, { ...group, logStreamName }, sender)))
        throw new DeliveryRefused(
          "AccessDeniedException",
          `${sender.servicePrincipal} is not authorized to perform: logs:PutLogEvents on resource: ${logGroupArn(group)}`,
        );
      await logs.groups.openStream(known, logStreamName);
      await putLogEvents(logs, { ...group, logStreamName }, [event]);
    },
  };
}

async function mayWrite(
  logs: CloudWatchLogs,
  stream: LogStreamReference,
  { servicePrincipal, sourceArn, sourceAccount }: EventSender,
): Promise<boolean> {
  const verdict = evaluatePolicies(await logs.resourcePolicies.documents(stream), {
    action: "logs:PutLogEvents",
    resources: [`${logGroupArn(stream)}:log-stream:${stream.logStreamName}`],
    principals: { Service: [servicePrincipal] },
    context: new Map([
      ["aws:sourcearn", [sourceArn]],
      ["aws:sourceaccount", [sourceAccount]],
    ]),
  });
  return verdict === "allowed";
}
