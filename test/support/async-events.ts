import { AsyncInvocations } from "../../src/async-invocation/async-invocations.ts";
import { EventExecution } from "../../src/async-invocation/event-execution.ts";
import { OutcomeDelivery } from "../../src/async-invocation/outcome-delivery.ts";
import type { Invoker } from "../../src/core/invocation.ts";
import { TraceHeaders } from "../../src/core/trace-header.ts";
import type { FunctionService } from "../../src/functions/function-service.ts";
import type { Clock } from "../../src/ports/clock.ts";
import type { EventSender, EventTargets } from "../../src/ports/event-targets.ts";
import type { EventMetricName, EventMetrics } from "../../src/ports/function-metrics.ts";
import { MemoryQueue } from "./memory-queue.ts";

export interface Delivered {
  readonly to: keyof EventTargets;
  readonly arn: string;
  readonly delivery: unknown;
  readonly sender: EventSender;
}

/** Everything of asynchronous invocation but the store and the targets, which are in memory. */
export interface AsyncEvents {
  readonly invocations: AsyncInvocations;
  readonly queue: MemoryQueue;
  readonly metrics: EventMetrics;
  /** What arrived at destinations and dead-letter queues. */
  readonly delivered: Delivered[];
  /** What was counted, by metric. */
  readonly counted: Map<EventMetricName, number[]>;
  /** What the targets answer; nothing unless a test sets it. */
  answer: (delivered: Delivered) => void;
  /** What was reported as gone wrong. */
  readonly failures: unknown[];
}

export function asyncEvents(parts: {
  readonly functions: FunctionService;
  readonly invoker: Invoker;
  readonly clock: Clock;
  readonly queue?: MemoryQueue;
  readonly maxConcurrency?: number;
}): AsyncEvents {
  const { functions, invoker, clock } = parts;
  const queue = parts.queue ?? new MemoryQueue(clock);
  const counted: AsyncEvents["counted"] = new Map();
  const metrics: EventMetrics = {
    add(_arn, metricName, value) {
      counted.set(metricName, [...(counted.get(metricName) ?? []), value]);
    },
  };
  const delivered: Delivered[] = [];
  const take =
    (to: keyof EventTargets) =>
    async (arn: string, delivery: unknown, sender: EventSender): Promise<void> => {
      const one = { to, arn, delivery, sender };
      events.answer(one);
      delivered.push(one);
    };
  const targets: EventTargets = {
    toFunction: take("toFunction"),
    toQueue: take("toQueue"),
    toTopic: take("toTopic"),
    toBus: take("toBus"),
    toBucket: take("toBucket"),
  };
  const failures: unknown[] = [];
  const failed = (error: unknown): void => void failures.push(error);
  const delivery = new OutcomeDelivery({
    targets,
    metrics,
    clock,
    newUuid: () => "11111111-2222-4333-8444-555555555555",
    senderFor: ({ roleArn, account }, sourceArn) => ({
      servicePrincipal: "lambda.amazonaws.com",
      sourceArn,
      sourceAccount: account,
      roleArn,
    }),
    failed,
  });
  const execution = new EventExecution({
    functions,
    invoker,
    delivery,
    metrics,
    clock,
    traceHeaders: new TraceHeaders(),
    randomHex: () => "0123456789abcdef".repeat(4),
  });
  const invocations = new AsyncInvocations({
    queue,
    clock,
    functions,
    execution,
    metrics,
    maxConcurrency: parts.maxConcurrency ?? 64,
    failed,
  });
  const events: AsyncEvents = {
    invocations,
    queue,
    metrics,
    delivered,
    counted,
    answer: () => undefined,
    failures,
  };
  return events;
}
