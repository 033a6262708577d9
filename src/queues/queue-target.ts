import { AwsError } from "../core/errors.ts";
import {
  DeliveryRefused,
  type EventSender,
  type EventTargets,
  type QueueDelivery,
} from "../ports/event-targets.ts";
import { checkedMessage } from "./message-input.ts";
import type { Queues } from "./queues.ts";

/** Takes what services send to queues, as far as the queue's policy or the sender's role lets them. */
export function queueTarget(dependencies: {
  readonly queues: Queues;
  readonly permits: (
    sender: EventSender,
    permission: { action: string; resource: string; policy: ReturnType<Queues["policyOf"]> },
  ) => boolean;
}): EventTargets["toQueue"] {
  const { queues, permits } = dependencies;
  return async (arn: string, delivery: QueueDelivery, sender: EventSender): Promise<void> => {
    const queue = queues.byArn(arn);
    if (queue === undefined)
      throw new DeliveryRefused(
        "AWS.SimpleQueueService.NonExistentQueue",
        "The specified queue does not exist.",
      );
    const action = "sqs:SendMessage";
    if (!permits(sender, { action, resource: arn, policy: queues.policyOf(arn) }))
      throw new DeliveryRefused(
        "AccessDenied",
        `${sender.roleArn ?? sender.servicePrincipal} is not authorized to perform: ${action} on resource: ${arn}`,
      );
    try {
      const { body, attributes = {}, ...rest } = delivery;
      await queue.send(
        checkedMessage(queue, { ...rest, body, attributes, senderId: sender.servicePrincipal }),
      );
    } catch (error) {
      // A message that the queue does not take will not be taken later either.
      throw error instanceof AwsError && error.fault === "caller"
        ? new DeliveryRefused(error.code, error.message)
        : error;
    }
  };
}
