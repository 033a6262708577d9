import { systemClock as clock } from "../adapters/clock-system/clock-system.ts";
import { openRemoteQueues } from "../adapters/queue-sqs/queue-sqs.ts";
import type { ServiceDefinition } from "../aws-api/protocol/handlers.ts";
import { sqsService } from "../aws-api/services/sqs/sqs-service.ts";
import { endpointOf } from "../core/service-endpoints.ts";
import { mayDeliver } from "../iam/event-permission.ts";
import { embeddedQueueMessages } from "../queues/embedded-queue-messages.ts";
import { parseQueueArn } from "../queues/queue-record.ts";
import { queueTarget } from "../queues/queue-target.ts";
import { Queues } from "../queues/queues.ts";
import type { EventParts } from "./event-parts.ts";
import type { Ground } from "./ground.ts";

/** SQS: embedded, at an endpoint that the configuration names, or switched off. */
export async function openQueues(
  ground: Ground,
  { platform }: EventParts,
): Promise<readonly ServiceDefinition[]> {
  const { configuration, store, opened, targets, queueMessages } = ground;
  const endpoint = endpointOf(configuration.endpoints, "sqs");
  if (endpoint === "off") return [];
  if (endpoint !== "embedded") {
    const remote = openRemoteQueues({ endpoint });
    opened.add(() => remote.close());
    targets.toQueue = remote.toQueue;
    queueMessages.connect(remote.messages);
    return [];
  }
  const queues = await Queues.open({ keyValue: store.keyValue, clock });
  opened.add(() => queues.close());
  targets.toQueue = queueTarget({
    queues,
    permits: (sender, permission) => mayDeliver(platform.iam.directory, sender, permission),
  });
  ground.resourcePolicies.set("sqs", (arn) => {
    const name = parseQueueArn(arn);
    return name && { account: name.account, document: queues.policyOf(arn) };
  });
  queueMessages.connect(embeddedQueueMessages(queues));
  return [sqsService({ queues })];
}
