import { createHash } from "node:crypto";
import {
  DEFAULT_RETRIES,
  type Delivery,
  type DeliveryFailure,
  DeliveryQueue,
} from "../event-delivery/delivery-queue.ts";
import { DueTimes } from "../event-delivery/due-times.ts";
import { scheduleTimes } from "../event-delivery/schedule-times.ts";
import type { StoredRecords } from "../event-delivery/stored-records.ts";
import type { Clock } from "../ports/clock.ts";
import type { CompileCron } from "../ports/cron.ts";
import {
  type EventSender,
  type EventTargets,
  EXPECTED_WITHIN_MS,
  type ExpectEvent,
} from "../ports/event-targets.ts";
import type { Store } from "../ports/store.ts";
import { type ScheduleTarget, type StoredSchedule, scheduleArn, scheduleId } from "./schedule-records.ts";
import { call, callOf, textAttribute } from "./schedule-targets.ts";

/** One run of a schedule, as it was when it became due. */
interface Run {
  readonly scheduleArn: string;
  readonly account: string;
  readonly region: string;
  readonly target: ScheduleTarget;
  readonly scheduledMs: number;
}

export interface ScheduleRunnerOptions {
  readonly store: Pick<Store, "queue" | "blobs">;
  readonly schedules: StoredRecords<StoredSchedule>;
  readonly targets: EventTargets;
  readonly expect?: ExpectEvent | undefined;
  readonly clock: Clock;
  readonly compileCron: CompileCron;
  readonly roles: (roleArn: string) => Pick<EventSender, "roleArn" | "hasMadeUpRole">;
  /** A UUID. */
  readonly newId: () => string;
  /** Between 0 and 1. */
  readonly random: () => number;
  readonly failed: (error: unknown) => void;
}

const MINUTE_MS = 60_000;

/** Runs schedules when they are due, with one timer for the next of them. */
export class ScheduleRunner {
  readonly #options: ScheduleRunnerOptions;
  readonly #due: DueTimes;
  /** Some time before: the target may get ready. */
  readonly #soon: DueTimes;
  readonly #runs: DeliveryQueue<Run>;
  readonly #ending = new Set<Promise<void>>();
  /** Times that a schedule is due at, before its flexible window. */
  readonly #scheduledMs = new Map<string, number>();

  constructor(options: ScheduleRunnerOptions) {
    this.#options = options;
    const { store, clock, random, newId, failed, schedules } = options;
    this.#runs = new DeliveryQueue<Run>({
      name: "schedules",
      queue: store.queue,
      blobs: store.blobs,
      clock,
      random,
      newId,
      deliver: (delivery, attempt) => this.#deliver(delivery, attempt),
      giveUp: (delivery, failure) => this.#giveUp(delivery, failure),
      failed,
    });
    this.#due = new DueTimes(clock, (id) => this.#isDue(id));
    this.#soon = new DueTimes(clock, (id) => this.#isSoon(id));
    for (const [id, schedule] of schedules.all()) this.#plan(id, schedule, undefined);
    schedules.onChange((id, schedule) => this.#plan(id, schedule, undefined));
  }

  start(): void {
    this.#runs.start();
    this.#due.start();
    this.#soon.start();
  }

  async close(): Promise<void> {
    this.#due.stop();
    this.#soon.stop();
    await Promise.allSettled(this.#ending);
    await this.#runs.close();
  }

  /**
   * Plans the first run after an instant. What was due while nothing ran is left out, but for the last minute: a run
   * that a process did not come to write down is done by the next one; one that it did is known by its id.
   */
  #plan(id: string, schedule: StoredSchedule | undefined, afterMs: number | undefined): void {
    const planned = schedule && this.#firstRun(schedule, afterMs);
    if (planned === undefined) {
      this.#scheduledMs.delete(id);
      this.#due.set(id, undefined);
      this.#soon.set(id, undefined);
      return;
    }
    this.#scheduledMs.set(id, planned.scheduledMs);
    this.#due.set(id, planned.dueMs);
    this.#soon.set(id, planned.dueMs - EXPECTED_WITHIN_MS);
  }

  #isSoon(id: string): void {
    const schedule = this.#options.schedules.get(id);
    if (schedule !== undefined) this.#options.expect?.(schedule.target.Arn);
  }

  #firstRun(
    schedule: StoredSchedule,
    afterMs: number | undefined,
  ): { readonly scheduledMs: number; readonly dueMs: number } | undefined {
    const earliestMs = this.#options.clock.nowMs() - MINUTE_MS;
    // A rate without a start begins at once, with the instant at which it was put.
    const firstMs = Math.max(schedule.countedFromMs - 1, earliestMs - windowMs(schedule));
    let scheduledMs = this.#nextTime(schedule, afterMs ?? firstMs);
    while (scheduledMs !== undefined) {
      const dueMs = scheduledMs + delayInWindowMs(schedule, scheduledMs);
      if (dueMs >= earliestMs || isOneTime(schedule)) return { scheduledMs, dueMs };
      scheduledMs = this.#nextTime(schedule, Math.max(scheduledMs, earliestMs - windowMs(schedule)));
    }
    return undefined;
  }

  /** The next time after an instant, between start and end; of a one-time schedule its time until it has run. */
  #nextTime(schedule: StoredSchedule, afterMs: number): number | undefined {
    const { state, startMs, endMs, expression, timeZone, countedFromMs } = schedule;
    if (state === "DISABLED" || schedule.isCompleted === true) return undefined;
    const { compileCron } = this.#options;
    const fromMs = startMs ?? countedFromMs;
    const times = scheduleTimes(expression, { compileCron, timeZone, fromMs });
    // AWS: start and end are left alone where a schedule has one time.
    if (isOneTime(schedule)) return times?.nextAfter(Number.NEGATIVE_INFINITY);
    const next = times?.nextAfter(Math.max(afterMs, (startMs ?? 0) - 1));
    return next !== undefined && endMs !== undefined && next > endMs ? undefined : next;
  }

  #isDue(id: string): void {
    const schedule = this.#options.schedules.get(id);
    const scheduledMs = this.#scheduledMs.get(id);
    if (schedule === undefined || scheduledMs === undefined) return;
    const ending = this.#run(id, schedule, scheduledMs)
      .catch((error: unknown) => this.#options.failed(error))
      .finally(() => this.#ending.delete(ending));
    this.#ending.add(ending);
  }

  async #run(id: string, schedule: StoredSchedule, scheduledMs: number): Promise<void> {
    const { clock } = this.#options;
    if (!isOneTime(schedule)) this.#plan(id, schedule, scheduledMs);
    const retries = retriesOf(schedule.target);
    // A one-time schedule that was missed for longer than its event may get old does not run any more.
    const isTooOld = clock.nowMs() - scheduledMs > retries.maximumEventAgeSeconds * 1000 + windowMs(schedule);
    if (!isTooOld) {
      const { account, region, target } = schedule;
      const arn = scheduleArn(schedule);
      await this.#runs.add([
        {
          address: { scheduleArn: arn, account, region, target, scheduledMs },
          payload: new Uint8Array(),
          retries,
          deduplicationId: `${arn} ${schedule.modifiedAtMs} ${scheduledMs}`,
        },
      ]);
    }
    if (isOneTime(schedule) || this.#nextTime(schedule, scheduledMs) === undefined)
      await this.#complete(id, schedule);
  }

  async #complete(id: string, schedule: StoredSchedule): Promise<void> {
    const { schedules } = this.#options;
    const isSame = schedules.get(id)?.modifiedAtMs === schedule.modifiedAtMs;
    if (!isSame) return;
    if (schedule.actionAfterCompletion === "DELETE") await schedules.delete(scheduleId(schedule));
    else
      await schedules.update(id, (current) =>
        current.modifiedAtMs === schedule.modifiedAtMs ? { ...current, isCompleted: true } : current,
      );
  }

  async #deliver({ address }: Delivery<Run>, attempt: number): Promise<void> {
    const { targets, roles, newId } = this.#options;
    const { scheduleArn: arn, target, scheduledMs, account } = address;
    const executionId = newId();
    const input = inputOf(address, { attempt, executionId });
    const sender: EventSender = {
      servicePrincipal: "scheduler.amazonaws.com",
      sourceArn: arn,
      sourceAccount: account,
      ...roles(target.RoleArn),
    };
    await call(targets, callOf(target, input), { sender, timeMs: scheduledMs, resource: arn });
  }

  async #giveUp({ address }: Delivery<Run>, failure: DeliveryFailure): Promise<void> {
    const { Arn: queueArn } = address.target.DeadLetterConfig ?? {};
    if (queueArn === undefined) return;
    const { targets, roles, newId } = this.#options;
    const { scheduleArn: arn, target, account } = address;
    const executionId = newId();
    const attributes = {
      ERROR_CODE: textAttribute(failure.code),
      ERROR_MESSAGE: textAttribute(failure.message),
      EXECUTION_ID: textAttribute(executionId),
      RETRY_ATTEMPTS: textAttribute(String(failure.retryAttempts)),
      SCHEDULE_ARN: textAttribute(arn),
      TARGET_ARN: textAttribute(target.Arn),
      ...(failure.exhausted !== undefined && {
        EXHAUSTED_RETRY_CONDITION: textAttribute(failure.exhausted),
      }),
    };
    const sender: EventSender = {
      servicePrincipal: "scheduler.amazonaws.com",
      sourceArn: arn,
      sourceAccount: account,
      ...roles(target.RoleArn),
    };
    const body = inputOf(address, { attempt: failure.retryAttempts + 1, executionId });
    await targets.toQueue(queueArn, { body, attributes }, sender);
  }
}

const isOneTime = ({ expression }: StoredSchedule): boolean => expression.startsWith("at(");

const windowMs = ({ flexibleWindowMinutes }: StoredSchedule): number => flexibleWindowMinutes * MINUTE_MS;

/** Where in its flexible window a run is: the same whoever asks, also after a restart. */
function delayInWindowMs(schedule: StoredSchedule, scheduledMs: number): number {
  if (schedule.flexibleWindowMinutes === 0) return 0;
  const digest = createHash("sha256")
    .update(`${scheduleArn(schedule)} ${scheduledMs}`)
    .digest();
  return Math.floor((digest.readUInt32BE(0) / 2 ** 32) * windowMs(schedule));
}

function retriesOf({ RetryPolicy: policy }: ScheduleTarget) {
  return {
    maximumRetryAttempts: policy?.MaximumRetryAttempts ?? DEFAULT_RETRIES.maximumRetryAttempts,
    maximumEventAgeSeconds: policy?.MaximumEventAgeInSeconds ?? DEFAULT_RETRIES.maximumEventAgeSeconds,
  };
}

/** The target's input with the context attributes replaced; without one, AWS sends an event of its own. */
function inputOf(
  { target, scheduleArn: arn, account, region, scheduledMs }: Run,
  { attempt, executionId }: { readonly attempt: number; readonly executionId: string },
): string {
  const time = `${new Date(scheduledMs).toISOString().slice(0, 19)}Z`;
  if (target.Input === undefined) {
    if (target.EventBridgeParameters !== undefined) return "{}";
    return JSON.stringify({
      version: "0",
      id: executionId,
      "detail-type": "Scheduled Event",
      source: "aws.scheduler",
      account,
      time,
      region,
      resources: [arn],
      detail: "{}",
    });
  }
  return target.Input.replaceAll("<aws.scheduler.schedule-arn>", arn)
    .replaceAll("<aws.scheduler.scheduled-time>", time)
    .replaceAll("<aws.scheduler.execution-id>", executionId)
    .replaceAll("<aws.scheduler.attempt-number>", String(attempt));
}
