import { DueTimes } from "../event-delivery/due-times.ts";
import { scheduleTimes } from "../event-delivery/schedule-times.ts";
import type { StoredRecords } from "../event-delivery/stored-records.ts";
import type { Clock } from "../ports/clock.ts";
import type { CompileCron } from "../ports/cron.ts";
import { EXPECTED_WITHIN_MS, type ExpectEvent } from "../ports/event-targets.ts";
import type { BusIngestion } from "./bus-ingestion.ts";
import { ruleArn, type StoredRule } from "./bus-records.ts";

interface Dependencies {
  readonly rules: StoredRecords<StoredRule>;
  readonly ingestion: BusIngestion;
  readonly expect?: ExpectEvent | undefined;
  readonly clock: Clock;
  readonly compileCron: CompileCron;
  readonly newEventId: () => string;
  readonly failed: (error: unknown) => void;
}

/** Rules with a schedule: their event comes when they are due. Times that passed while nothing ran are left out. */
export class ScheduledRules {
  readonly #deps: Dependencies;
  readonly #due: DueTimes;
  /** Some time before: the targets may get ready. */
  readonly #soon: DueTimes;

  constructor(deps: Dependencies) {
    this.#deps = deps;
    this.#due = new DueTimes(deps.clock, (id, atMs) => this.#isDue(id, atMs));
    this.#soon = new DueTimes(deps.clock, (id) => this.#isSoon(id));
    for (const [id, rule] of deps.rules.all()) this.#plan(id, rule);
    deps.rules.onChange((id, rule) => this.#plan(id, rule));
  }

  start(): void {
    this.#due.start();
    this.#soon.start();
  }

  close(): void {
    this.#due.stop();
    this.#soon.stop();
  }

  #plan(id: string, rule: StoredRule | undefined, afterMs = this.#deps.clock.nowMs()): void {
    const { compileCron } = this.#deps;
    const expression = rule?.state === "DISABLED" ? undefined : rule?.scheduleExpression;
    if (rule === undefined || expression === undefined) {
      this.#due.set(id, undefined);
      this.#soon.set(id, undefined);
      return;
    }
    const times = scheduleTimes(expression, { compileCron, timeZone: "UTC", fromMs: rule.scheduledFromMs });
    // AWS: the first event of a rate comes when its time has passed once.
    const dueMs = times?.nextAfter(Math.max(afterMs, rule.scheduledFromMs));
    this.#due.set(id, dueMs);
    this.#soon.set(id, dueMs === undefined ? undefined : dueMs - EXPECTED_WITHIN_MS);
  }

  #isSoon(id: string): void {
    for (const { Arn } of this.#deps.rules.get(id)?.targets ?? []) this.#deps.expect?.(Arn);
  }

  #isDue(id: string, atMs: number): void {
    const rule = this.#deps.rules.get(id);
    if (rule === undefined) return;
    this.#plan(id, rule, Math.max(atMs, this.#deps.clock.nowMs()));
    const { account, region } = rule;
    const event = {
      id: this.#deps.newEventId(),
      source: "aws.events",
      detailType: "Scheduled Event",
      detail: "{}",
      account,
      region,
      resources: [ruleArn(rule)],
      timeMs: atMs,
    };
    this.#deps.ingestion.takeScheduled(rule, event).catch(this.#deps.failed);
  }
}
