import { invalidParameterValue } from "../../../core/errors.ts";
import type { QueueDescription } from "../../../ports/queue-messages.ts";
import type { MappingCandidate } from "../../event-source.ts";

const UNWINDOWED_BATCH_MAX = 10;
const FIFO_BATCH_MAX = 10;

/** Refuses settings that a queue's mapping cannot have. "Lambda parameters for Amazon SQS event source mappings". */
export function checkQueueSettings({ eventSourceArn, region, settings }: MappingCandidate): void {
  const isFifo = eventSourceArn.endsWith(".fifo");
  const { batchSize, maximumBatchingWindowSeconds: window } = settings;
  if (eventSourceArn.split(":")[3] !== region)
    throw invalidParameterValue(`The queue ${eventSourceArn} is not in this region ('${region}').`);
  if (isFifo && batchSize > FIFO_BATCH_MAX)
    throw invalidParameterValue(`Maximum batch size for FIFO queues is ${FIFO_BATCH_MAX}.`);
  if (isFifo && window > 0) throw invalidParameterValue("Batching window is not supported for FIFO queues.");
  // AWS: recorded from the service.
  if (batchSize > UNWINDOWED_BATCH_MAX && window === 0)
    throw invalidParameterValue(
      `Maximum batch window in seconds must be greater than 0 if maximum batch size is greater than ${UNWINDOWED_BATCH_MAX}`,
    );
  if (settings.maximumConcurrency !== undefined && settings.provisionedPollers !== undefined)
    throw invalidParameterValue("ScalingConfig and ProvisionedPollerConfig cannot be specified together.");
}

/** Refuses queues that are not there, or whose messages come again before the function's time is over. */
export function checkQueue(queue: QueueDescription | undefined, timeoutSeconds: number): void {
  if (queue === undefined)
    throw invalidParameterValue(
      "Error occurred while ReceiveMessage. SQS Error Code: AWS.SimpleQueueService.NonExistentQueue. " +
        "SQS Error Message: The specified queue does not exist.",
    );
  const { visibilityTimeoutSeconds } = queue;
  if (visibilityTimeoutSeconds < timeoutSeconds)
    throw invalidParameterValue(
      `Queue visibility timeout: ${visibilityTimeoutSeconds} seconds is less than Function timeout: ${timeoutSeconds} seconds`,
    );
}
