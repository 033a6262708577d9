import type { QueueMessages } from "../ports/queue-messages.ts";
import { systemAttributes } from "./message-parts.ts";
import type { Queue } from "./queue.ts";
import { queueDoesNotExist } from "./queue-errors.ts";
import { md5OfAttributes, md5OfText } from "./queue-message.ts";
import type { Queues } from "./queues.ts";

/** Lambent's own queues, read without a network between. */
export function embeddedQueueMessages(queues: Queues): QueueMessages {
  const queueAt = (arn: string): Queue => {
    const queue = queues.byArn(arn);
    if (queue === undefined) throw queueDoesNotExist();
    return queue;
  };
  return {
    describe: (arn) => {
      const queue = queues.byArn(arn);
      return Promise.resolve(
        queue && { isFifo: queue.isFifo, visibilityTimeoutSeconds: queue.visibilityMs / 1_000 },
      );
    },
    receive: async (arn, options) => {
      const queue = queueAt(arn);
      const received = await queue.receive({
        ...options,
        visibilityMs: queue.visibilityMs,
        endsWithProcess: true,
      });
      return received.map((held) => {
        const { message } = held;
        return {
          messageId: message.messageId,
          receiptHandle: queue.handleOf(held),
          body: message.body,
          md5OfBody: md5OfText(message.body),
          md5OfAttributes: md5OfAttributes(message.attributes),
          systemAttributes: systemAttributes(held),
          attributes: message.attributes,
        };
      });
    },
    delete: async (arn, handles) => {
      const queue = queueAt(arn);
      const held = handles.map((handle) => heldOrGone(queue, handle));
      await queue.remove(held.filter((each) => each !== undefined));
    },
    changeVisibility: async (arn, handles, visibilityTimeoutSeconds) => {
      const queue = queueAt(arn);
      const held = handles.map((handle) => heldOrGone(queue, handle)).filter((each) => each !== undefined);
      await Promise.all(held.map((each) => queue.changeVisibility(each, 1_000 * visibilityTimeoutSeconds)));
    },
  };
}

/** A handle whose time is over is as good as one of a message that is gone. */
function heldOrGone(queue: Queue, handle: string): ReturnType<Queue["heldBy"]> {
  try {
    return queue.heldBy(handle);
  } catch {
    return undefined;
  }
}
