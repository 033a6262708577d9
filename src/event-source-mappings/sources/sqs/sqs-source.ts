import { invalidParameterValue } from "../../../core/errors.ts";
import type { Clock } from "../../../ports/clock.ts";
import type { QueueMessages } from "../../../ports/queue-messages.ts";
import { ConcurrencyLimit } from "../../concurrency-limit.ts";
import type { EventSource } from "../../event-source.ts";
import type { MappingDocument } from "../../mapping-document.ts";
import { sqsFilter } from "./sqs-filter.ts";
import { SqsQueueRecords } from "./sqs-queue-records.ts";
import { checkQueue, checkQueueSettings } from "./sqs-rules.ts";

const DEFAULT_BATCH_SIZE = 10;
/** AWS: "Configuring scaling behavior for SQS event source mappings" and "Lambda quotas". */
const INITIAL_CONCURRENCY = 5;
const MIN_CONCURRENCY = 2;
const MAX_CONCURRENCY = 1_250;
const GROWTH_PER_MINUTE = 300;
/** AWS: provisioned mode; what one poller carries, and how fast pollers are added. */
const CONCURRENCY_PER_POLLER = 10;
const PROVISIONED_GROWTH_PER_MINUTE = 1_000;

/** What a function's role needs, see "Using Lambda with Amazon SQS"; asked in this order. */
const ACTIONS = ["ReceiveMessage", "DeleteMessage", "GetQueueAttributes"];

export interface SqsSourceDependencies {
  readonly queues: QueueMessages;
  readonly clock: Clock;
  /** Whether a role may do something to a queue: "sqs:ReceiveMessage". */
  readonly roleMay: (roleArn: string, action: string, queueArn: string) => boolean;
}

/** Queues: each is one sequence of records; their order within message groups is kept by the queue itself. */
export function sqsSource(dependencies: SqsSourceDependencies): EventSource {
  return {
    defaultBatchSize: DEFAULT_BATCH_SIZE,
    async check(candidate) {
      checkQueueSettings(candidate);
      sqsFilter(candidate.settings.filterPatterns);
      const { eventSourceArn, target } = candidate;
      const missing = ACTIONS.find(
        (action) => !dependencies.roleMay(target.roleArn, `sqs:${action}`, eventSourceArn),
      );
      if (missing !== undefined)
        throw invalidParameterValue(
          `The provided execution role does not have permissions to call ${missing} on SQS`,
        );
      checkQueue(await dependencies.queues.describe(eventSourceArn), target.timeoutSeconds);
    },
    open(mapping, attach) {
      const concurrency = concurrencyLimit(mapping, dependencies.clock);
      return attach(new SqsQueueRecords({ ...dependencies, mapping, concurrency }));
    },
  };
}

function concurrencyLimit({ settings }: MappingDocument, clock: Clock): ConcurrencyLimit {
  const { maximumConcurrency = MAX_CONCURRENCY, provisionedPollers: pollers } = settings;
  if (pollers !== undefined) {
    const initial = pollers.minimum * CONCURRENCY_PER_POLLER;
    return new ConcurrencyLimit({
      clock,
      initial,
      min: initial,
      max: pollers.maximum * CONCURRENCY_PER_POLLER,
      growthPerMinute: PROVISIONED_GROWTH_PER_MINUTE,
    });
  }
  return new ConcurrencyLimit({
    clock,
    initial: INITIAL_CONCURRENCY,
    min: MIN_CONCURRENCY,
    max: maximumConcurrency,
    growthPerMinute: GROWTH_PER_MINUTE,
  });
}
