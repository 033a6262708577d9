import { randomUUID } from "node:crypto";
import { setImmediate as turn } from "node:timers/promises";
import { EventBridgeClient } from "@aws-sdk/client-eventbridge";
import { SchedulerClient } from "@aws-sdk/client-scheduler";
import { compileCron } from "../../src/adapters/cron-croner/cron-croner.ts";
import { eventBridgeService } from "../../src/aws-api/services/eventbridge/eventbridge-service.ts";
import { schedulerService } from "../../src/aws-api/services/scheduler/scheduler-service.ts";
import { busTarget } from "../../src/buses/bus-target.ts";
import { openEventBridge } from "../../src/buses/event-bridge.ts";
import type { EventSender, EventTargets } from "../../src/ports/event-targets.ts";
import { openEventScheduler } from "../../src/schedules/event-scheduler.ts";
import { ManualClock } from "./manual-clock.ts";
import { MemoryLogStore } from "./memory-log-store.ts";
import { MemoryQueue } from "./memory-queue.ts";
import { MemoryBlobStore, MemoryKeyValueStore } from "./memory-store.ts";
import { clientConfiguration, startProtocolServer } from "./protocol-server.ts";

/** What reached a target. */
export interface Arrived {
  readonly to: keyof EventTargets | "log group";
  readonly arn: string;
  readonly delivery: Readonly<Record<string, unknown>>;
  readonly sender: EventSender;
}

export type EventsEndpoint = Awaited<ReturnType<typeof openEventsEndpoint>>;

/** What the services keep; hand it to the next endpoint, and it is their restart. */
export function eventStores(clock: ManualClock) {
  return {
    keyValue: new MemoryKeyValueStore(),
    queue: new MemoryQueue(clock),
    blobs: new MemoryBlobStore(),
    logs: new MemoryLogStore(() => clock.nowMs()),
  };
}

/** EventBridge and its Scheduler over HTTP, on a manual clock, with stores in memory and targets that a test plays. */
export async function openEventsEndpoint(
  options: { readonly clock?: ManualClock; readonly store?: ReturnType<typeof eventStores> } = {},
) {
  const clock = options.clock ?? new ManualClock();
  const store = options.store ?? eventStores(clock);
  const failures: unknown[] = [];
  const arrived: Arrived[] = [];
  /** ARNs of the targets that were told that something is due soon. */
  const expected: string[] = [];
  const endpoint = { answer: (_arrived: Arrived): void => undefined };
  const take = async (one: Arrived): Promise<void> => {
    endpoint.answer(one);
    arrived.push(one);
  };
  const taking =
    (to: keyof EventTargets) =>
    (arn: string, delivery: object, sender: EventSender): Promise<void> =>
      take({ to, arn, delivery: { ...delivery }, sender });
  const targets: EventTargets = {
    toFunction: taking("toFunction"),
    toQueue: taking("toQueue"),
    toTopic: taking("toTopic"),
    toBus: taking("toBus"),
    toBucket: taking("toBucket"),
  };
  const parts = {
    store,
    clock,
    targets,
    expect: (arn: string) => void expected.push(arn),
    compileCron,
    roles: (roleArn: string) => ({ roleArn }),
    random: () => 0.5,
    failed: (error: unknown) => failures.push(error),
  };
  const eventBridge = await openEventBridge({
    ...parts,
    newEventId: randomUUID,
    logTarget: {
      put: (group, delivery, sender) => take({ to: "log group", arn: group.logGroupName, delivery, sender }),
    },
  });
  targets.toBus = busTarget(eventBridge, { permits: () => false, permitsAccount: () => false });
  const scheduler = await openEventScheduler({
    ...parts,
    newId: randomUUID,
    mayAssume: (roleArn) => !roleArn.endsWith("nobody"),
  });
  const server = await startProtocolServer(
    [eventBridgeService({ eventBridge }), schedulerService({ scheduler })],
    { clock },
  );
  eventBridge.start();
  scheduler.start();
  const configuration = { ...clientConfiguration, endpoint: server.endpoint };
  const events = new EventBridgeClient(configuration);
  const schedules = new SchedulerClient(configuration);
  /** Lets everything happen that needs no time. */
  const settle = async (): Promise<void> => {
    for (let turns = 0; turns < 30; turns++) await turn();
  };
  return Object.assign(endpoint, {
    events,
    schedules,
    endpointUrl: async () => server.endpoint,
    clock,
    store,
    arrived,
    expected,
    failures,
    settle,
    async advance(durationMs: number): Promise<void> {
      clock.advance(durationMs);
      await settle();
    },
    async close(): Promise<void> {
      events.destroy();
      schedules.destroy();
      await server.close();
      await scheduler.close();
      await eventBridge.close();
      if (server.logged.length > 0) throw new AggregateError(server.logged, "unexpected errors");
    },
  });
}
