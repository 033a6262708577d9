import { AwsError } from "../core/errors.ts";
import { recordId, type StoredRecords } from "../event-delivery/stored-records.ts";
import type { Clock } from "../ports/clock.ts";
import type { ArchivedEvent, Archives } from "./archives.ts";
import { eventsAlreadyExist, eventsNotFound } from "./bus-errors.ts";
import type { BusIngestion, TakenEvent } from "./bus-ingestion.ts";
import { archiveArn, type Owner, ownerId, type StoredArchive, type StoredReplay } from "./bus-records.ts";
import type { EventBuses } from "./event-buses.ts";

interface Dependencies {
  readonly records: StoredRecords<StoredReplay>;
  readonly archives: Archives;
  readonly buses: EventBuses;
  readonly ingestion: BusIngestion;
  readonly clock: Clock;
  readonly failed: (error: unknown) => void;
}

/** Replays of archives. A replay that a process was in the middle of goes on in the next one. */
export class Replays {
  readonly #deps: Dependencies;
  readonly #running = new Map<string, Promise<void>>();
  #closed = false;

  constructor(deps: Dependencies) {
    this.#deps = deps;
  }

  replay(owner: Owner, name: string): StoredReplay {
    const found = this.#deps.records.get(replayId(owner, name));
    if (found === undefined) throw eventsNotFound(`Replay ${name} does not exist.`);
    return found;
  }

  list(owner: Owner): StoredReplay[] {
    return this.#deps.records.below(`${ownerId(owner)}/`);
  }

  async create(replay: StoredReplay): Promise<void> {
    const id = replayId(replay, replay.name);
    if (!(await this.#deps.records.create(id, replay)))
      throw eventsAlreadyExist(`Replay ${replay.name} already exists.`);
    this.#begin(id);
  }

  async cancel(owner: Owner, name: string): Promise<void> {
    const { state } = this.replay(owner, name);
    if (state !== "STARTING" && state !== "RUNNING")
      throw new AwsError(
        "IllegalStatusException",
        `Replay ${name} is not in a valid state for this operation.`,
      );
    await this.#deps.records.update(replayId(owner, name), (replay) => ({ ...replay, state: "CANCELLING" }));
    this.#begin(replayId(owner, name));
  }

  /** Goes on with what was interrupted. */
  start(): void {
    for (const [id, { state }] of this.#deps.records.all())
      if (state === "STARTING" || state === "RUNNING" || state === "CANCELLING") this.#begin(id);
  }

  async close(): Promise<void> {
    this.#closed = true;
    await Promise.allSettled(this.#running.values());
  }

  #begin(id: string): void {
    if (this.#running.has(id)) return;
    const running = this.#run(id)
      .catch((error: unknown) => this.#deps.failed(error))
      .finally(() => this.#running.delete(id));
    this.#running.set(id, running);
  }

  async #run(id: string): Promise<void> {
    for (;;) {
      const replay = this.#deps.records.get(id);
      if (replay === undefined || this.#closed) return;
      if (replay.state === "CANCELLING") return this.#end(id, { state: "CANCELLED" });
      const archive = this.#archiveOf(replay);
      const bus = this.#deps.buses.find(this.#deps.buses.named(replay, replay.destinationArn));
      if (archive === undefined || bus === undefined)
        return this.#end(id, { state: "FAILED", stateReason: "The archive or the event bus was deleted." });
      const events = await this.#deps.archives.read(archive, replay.position);
      const last = events.at(-1);
      if (last === undefined) return this.#end(id, { state: "COMPLETED" });
      const onlyRules = replay.ruleArns.length === 0 ? undefined : new Set(replay.ruleArns);
      const taken = events.flatMap((event) => {
        const replayed = replayedEvent(event, replay);
        return replayed === undefined ? [] : [{ bus, event: replayed, onlyRules }];
      });
      for (let at = 0; at < taken.length; at += EVENTS_AT_A_TIME)
        await this.#deps.ingestion.take(taken.slice(at, at + EVENTS_AT_A_TIME));
      await this.#advance(id, { position: last.position, lastReplayedMs: taken.at(-1)?.event.timeMs });
    }
  }

  async #advance(
    id: string,
    { position, lastReplayedMs }: { readonly position: string; readonly lastReplayedMs: number | undefined },
  ): Promise<void> {
    await this.#deps.records.update(id, (replay) => ({
      ...replay,
      state: replay.state === "STARTING" ? "RUNNING" : replay.state,
      position,
      lastReplayedMs: lastReplayedMs ?? replay.lastReplayedMs,
    }));
  }

  async #end(id: string, end: Pick<StoredReplay, "state" | "stateReason">): Promise<void> {
    const endedAtMs = this.#deps.clock.nowMs();
    await this.#deps.records.update(id, (replay) => {
      // Cancelled in this very moment: the next round says so.
      const isCancelled = replay.state === "CANCELLING";
      return { ...replay, ...(isCancelled ? { state: "CANCELLED" as const } : end), endedAtMs };
    });
  }

  #archiveOf(replay: StoredReplay): StoredArchive | undefined {
    return this.#deps.archives.list(replay).find((archive) => archiveArn(archive) === replay.archiveArn);
  }
}

const EVENTS_AT_A_TIME = 100;

const replayId = (owner: Owner, name: string): string => recordId(owner.account, owner.region, name);

function replayedEvent({ text }: ArchivedEvent, replay: StoredReplay): TakenEvent["event"] | undefined {
  const parsed = JSON.parse(text) as {
    id: string;
    source: string;
    "detail-type": string;
    account: string;
    region: string;
    time: string;
    resources: string[];
  };
  const { id, source, account, region, resources } = parsed;
  const timeMs = Date.parse(parsed.time);
  if (timeMs < replay.eventsFromMs || timeMs >= replay.eventsToMs) return undefined;
  const detail = text.slice(text.indexOf(DETAIL) + DETAIL.length, -1);
  const { "detail-type": detailType } = parsed;
  return { id, source, detailType, account, region, resources, timeMs, detail, replayName: replay.name };
}

const DETAIL = ',"detail":';
