import type { EventTest } from "../core/event-pattern.ts";
import { recordId, type StoredRecords } from "../event-delivery/stored-records.ts";
import type { Clock } from "../ports/clock.ts";
import type { LogStore } from "../ports/store.ts";
import { eventsAlreadyExist, eventsNotFound } from "./bus-errors.ts";
import { type Owner, ownerId, type StoredArchive } from "./bus-records.ts";
import { checkEventPattern } from "./rule-matching.ts";

const DAY_MS = 86_400_000;
const TRIM_INTERVAL_MS = 3_600_000;
const PAGE = 1_000;

/** What is not there stays as it is. */
export interface ArchiveChange {
  readonly description?: string | undefined;
  readonly eventPattern?: string | undefined;
  readonly retentionDays?: number | undefined;
}

export interface ArchivedEvent {
  readonly position: string;
  readonly text: string;
}

/** Archives of buses: events are appended to a stream for each, and read again by replays. */
export class Archives {
  readonly #records: StoredRecords<StoredArchive>;
  readonly #logs: LogStore;
  readonly #clock: Clock;
  readonly #byBus = new Map<string, Map<string, { archive: StoredArchive; matches: EventTest }>>();
  readonly #trimmedAtMs = new Map<string, number>();

  constructor(
    records: StoredRecords<StoredArchive>,
    { logs, clock }: { readonly logs: LogStore; readonly clock: Clock },
  ) {
    this.#records = records;
    this.#logs = logs;
    this.#clock = clock;
    for (const [id, archive] of records.all()) this.#changed(id, archive);
    records.onChange((id, archive) => this.#changed(id, archive));
  }

  archive(owner: Owner, name: string): StoredArchive {
    const found = this.#records.get(archiveId(owner, name));
    if (found === undefined) throw eventsNotFound(`Archive ${name} does not exist.`);
    return found;
  }

  list(owner: Owner): StoredArchive[] {
    return this.#records.below(`${ownerId(owner)}/`);
  }

  async create(archive: StoredArchive): Promise<void> {
    if (archive.eventPattern !== undefined) checkEventPattern(archive.eventPattern);
    if (!(await this.#records.create(archiveId(archive, archive.name), archive)))
      throw eventsAlreadyExist(`Archive ${archive.name} already exists.`);
  }

  async update(owner: Owner, name: string, change: ArchiveChange): Promise<StoredArchive> {
    if (change.eventPattern !== undefined) checkEventPattern(change.eventPattern);
    const updated = await this.#records.update(archiveId(owner, name), (archive) => ({
      ...archive,
      description: change.description ?? archive.description,
      eventPattern: change.eventPattern ?? archive.eventPattern,
      retentionDays: change.retentionDays ?? archive.retentionDays,
    }));
    if (updated === undefined) throw eventsNotFound(`Archive ${name} does not exist.`);
    return updated;
  }

  async delete(owner: Owner, name: string): Promise<void> {
    const archive = this.archive(owner, name);
    await this.#records.delete(archiveId(owner, name));
    await this.#logs.drop(streamOf(archive.archiveId));
  }

  /** The archives that keep an event of a bus. */
  wanting(sourceArn: string, event: () => unknown): string[] {
    const archives = this.#byBus.get(sourceArn);
    if (archives === undefined) return [];
    const wanting = [...archives.values()].filter(({ matches }) => matches(event()));
    return wanting.map(({ archive }) => archive.archiveId);
  }

  /** Resolves when all are on disk. */
  async append(events: readonly { readonly archiveId: string; readonly text: string }[]): Promise<void> {
    if (events.length === 0) return;
    const timestampMs = Math.trunc(this.#clock.nowMs());
    const byArchive = Map.groupBy(events, ({ archiveId: id }) => id);
    await this.#logs.append(
      [...byArchive].map(([id, kept]) => ({
        stream: streamOf(id),
        entries: kept.map(({ text: message }) => ({ timestampMs, message })),
      })),
    );
    await this.#trim(new Set(byArchive.keys()));
  }

  /** Events after a position, oldest first; empty at the end. */
  async read(archive: StoredArchive, from: string | undefined): Promise<ArchivedEvent[]> {
    const entries = await this.#logs.read(streamOf(archive.archiveId), from, PAGE);
    return entries.map(({ position, message: text }) => ({ position, text }));
  }

  /** How many events there are, and their size. */
  async statistics(archive: StoredArchive): Promise<{ eventCount: number; sizeBytes: number }> {
    const fromMs = this.#keptFromMs(archive);
    let eventCount = 0;
    let sizeBytes = 0;
    let position: string | undefined;
    for (;;) {
      const entries = await this.#logs.read(streamOf(archive.archiveId), position, PAGE);
      const last = entries.at(-1);
      if (last === undefined) return { eventCount, sizeBytes };
      for (const { timestampMs, message } of entries) {
        if (timestampMs < fromMs) continue;
        eventCount++;
        sizeBytes += Buffer.byteLength(message);
      }
      position = last.position;
    }
  }

  #keptFromMs({ retentionDays }: StoredArchive): number {
    return retentionDays === 0 ? 0 : this.#clock.nowMs() - retentionDays * DAY_MS;
  }

  async #trim(written: ReadonlySet<string>): Promise<void> {
    const nowMs = this.#clock.nowMs();
    for (const [, archive] of this.#records.all()) {
      if (!written.has(archive.archiveId) || archive.retentionDays === 0) continue;
      if (nowMs - (this.#trimmedAtMs.get(archive.archiveId) ?? 0) < TRIM_INTERVAL_MS) continue;
      this.#trimmedAtMs.set(archive.archiveId, nowMs);
      await this.#logs.trim(streamOf(archive.archiveId), this.#keptFromMs(archive));
    }
  }

  #changed(id: string, archive: StoredArchive | undefined): void {
    for (const archives of this.#byBus.values()) archives.delete(id);
    if (archive === undefined) return;
    const { eventPattern } = archive;
    const matches = eventPattern === undefined ? () => true : checkEventPattern(eventPattern);
    const archives = this.#byBus.get(archive.sourceArn) ?? new Map();
    archives.set(id, { archive, matches });
    this.#byBus.set(archive.sourceArn, archives);
  }
}

const archiveId = (owner: Owner, name: string): string => recordId(owner.account, owner.region, name);

const streamOf = (id: string): string => `eventbridge-archives/${id}`;
