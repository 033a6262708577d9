import type { LogTarget } from "../buses/bus-delivery.ts";
import type { CloudWatchLogs } from "../logs/cloudwatch-logs.ts";
import { putLogEvents } from "../logs/put-log-events.ts";
import { DeliveryRefused } from "../ports/event-targets.ts";

/** Log groups as targets of rules. AWS: each gets streams with names of their own. */
export function eventLogTarget(logs: CloudWatchLogs, logStreamName: string): LogTarget {
  return {
    put: async (group, event) => {
      const known = logs.catalogue.group(group);
      if (known === undefined)
        throw new DeliveryRefused("ResourceNotFoundException", "The specified log group does not exist.");
      if (logs.catalogue.stream(known.groupId, logStreamName) === undefined)
        await logs.catalogue.createStream(known, logStreamName);
      await putLogEvents(logs, { ...group, logStreamName }, [event]);
    },
  };
}
