import { DeliveryQueue } from "../event-delivery/delivery-queue.ts";
import { StoredRecords } from "../event-delivery/stored-records.ts";
import type { Clock } from "../ports/clock.ts";
import type { CompileCron } from "../ports/cron.ts";
import type { EventTargets, ExpectEvent } from "../ports/event-targets.ts";
import type { Store } from "../ports/store.ts";
import { Archives } from "./archives.ts";
import { BusDeliveries, type LogTarget, type RuleAddress, type SenderRoles } from "./bus-delivery.ts";
import { BusIngestion } from "./bus-ingestion.ts";
import type { StoredArchive, StoredBus, StoredReplay, StoredRule } from "./bus-records.ts";
import { EventBuses } from "./event-buses.ts";
import { Replays } from "./replays.ts";
import { RuleMatching } from "./rule-matching.ts";
import { Rules } from "./rules.ts";
import { ScheduledRules } from "./scheduled-rules.ts";

/** Amazon EventBridge: buses, rules, archives and replays. */
export interface EventBridge {
  readonly buses: EventBuses;
  readonly rules: Rules;
  readonly archives: Archives;
  readonly replays: Replays;
  readonly ingestion: BusIngestion;
  readonly clock: Clock;
  readonly newEventId: () => string;
  /** From now on events are delivered, schedules run and replays go on. */
  start(): void;
  close(): Promise<void>;
}

export interface EventBridgeOptions {
  readonly store: Pick<Store, "keyValue" | "queue" | "blobs" | "logs">;
  readonly clock: Clock;
  readonly targets: EventTargets;
  readonly expect?: ExpectEvent | undefined;
  readonly logTarget: LogTarget;
  readonly roles: SenderRoles;
  readonly compileCron: CompileCron;
  /** A UUID. */
  readonly newEventId: () => string;
  /** Between 0 and 1. */
  readonly random: () => number;
  readonly failed: (error: unknown) => void;
}

/** Resolves when everything stored is known; nothing is delivered before `start`. */
export async function openEventBridge(options: EventBridgeOptions): Promise<EventBridge> {
  const { store, clock, compileCron, newEventId, random, failed } = options;
  const { keyValue, queue, blobs, logs } = store;
  const busRecords = await StoredRecords.open<StoredBus>(keyValue, "buses/bus/");
  const ruleRecords = await StoredRecords.open<StoredRule>(keyValue, "buses/rule/");
  const archiveRecords = await StoredRecords.open<StoredArchive>(keyValue, "buses/archive/");
  const replayRecords = await StoredRecords.open<StoredReplay>(keyValue, "buses/replay/");
  const buses = new EventBuses(busRecords, clock);
  const archives = new Archives(archiveRecords, { logs, clock });
  const bringing = new BusDeliveries({
    targets: options.targets,
    logs: options.logTarget,
    now: () => clock.nowMs(),
    roles: options.roles,
  });
  const deliveries = new DeliveryQueue<RuleAddress>({
    name: "buses",
    queue,
    blobs,
    clock,
    random,
    newId: newEventId,
    deliver: (delivery) => bringing.deliver(delivery),
    giveUp: (delivery, failure) => bringing.giveUp(delivery, failure),
    failed,
  });
  const ingestion = new BusIngestion({
    matching: new RuleMatching(ruleRecords),
    archives,
    deliveries,
    clock,
  });
  const scheduled = new ScheduledRules({
    rules: ruleRecords,
    ingestion,
    expect: options.expect,
    clock,
    compileCron,
    newEventId,
    failed,
  });
  const replays = new Replays({ records: replayRecords, archives, buses, ingestion, clock, failed });
  return {
    buses,
    rules: new Rules(ruleRecords, { clock, compileCron }),
    archives,
    replays,
    ingestion,
    clock,
    newEventId,
    start: () => {
      deliveries.start();
      scheduled.start();
      replays.start();
    },
    close: async () => {
      scheduled.close();
      await replays.close();
      await deliveries.close();
      for (const records of [busRecords, ruleRecords, archiveRecords, replayRecords]) await records.close();
    },
  };
}
