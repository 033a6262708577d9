import type { Clock } from "../ports/clock.ts";
import type { BatchInvoker } from "./batch-invoker.ts";
import type { EventSource } from "./event-source.ts";
import type { MappingDocument, SourceKind } from "./mapping-document.ts";
import { RecordPump } from "./record-pump.ts";

export interface MappingEngineOptions {
  readonly clock: Clock;
  readonly invoker: BatchInvoker;
  readonly sources: Readonly<Partial<Record<SourceKind, EventSource>>>;
}

/** What the engine does for one mapping, in one state of its settings. */
interface Run {
  readonly generation: number;
  stop(): void;
  readonly ended: Promise<void>;
}

/** Runs the mappings that are enabled. */
export class MappingEngine {
  readonly #options: MappingEngineOptions;
  readonly #runs = new Map<string, Run>();
  readonly #ending = new Map<string, Set<Promise<void>>>();
  readonly #results = new Map<string, string>();
  #isStarted = false;

  constructor(options: MappingEngineOptions) {
    this.#options = options;
  }

  /** Nothing is read before. */
  start(mappings: Iterable<MappingDocument>): void {
    this.#isStarted = true;
    for (const mapping of mappings) this.apply(mapping);
  }

  /** Reads nothing more. */
  stop(): void {
    this.#isStarted = false;
    for (const uuid of this.#runs.keys()) this.#end(uuid);
  }

  /** Resolves when nothing runs for mappings that have ended. */
  async settled(): Promise<void> {
    await Promise.all([...this.#ending.values()].flatMap((ending) => [...ending]));
  }

  /** Something still runs of what was ended for a mapping. */
  isEnding(uuid: string): boolean {
    return this.#ending.has(uuid);
  }

  /** Of the last batch or problem since Lambent started. */
  lastResult(uuid: string): string | undefined {
    return this.#results.get(uuid);
  }

  /** Begins, changes or ends what is done for a mapping; what runs for it goes on as it began. */
  apply(mapping: MappingDocument): void {
    const { uuid, generation } = mapping;
    const running = this.#runs.get(uuid);
    const isWanted = mapping.enabled && mapping.deleting === undefined && this.#isStarted;
    if (isWanted && running?.generation === generation) return;
    if (running !== undefined) this.#end(uuid);
    const source = this.#options.sources[mapping.kind];
    if (isWanted && source !== undefined) this.#runs.set(uuid, this.#begin(mapping, source));
  }

  /** Forgets a mapping. */
  remove(uuid: string): void {
    this.#end(uuid);
    this.#results.delete(uuid);
  }

  /** Resolves when nothing runs any more of what has been ended for a mapping. */
  async ended(uuid: string): Promise<void> {
    for (const ended of this.#ending.get(uuid) ?? []) await ended;
  }

  #begin(mapping: MappingDocument, source: EventSource): Run {
    const { clock, invoker } = this.#options;
    const pumps = new Set<{ stop(): void; readonly ended: Promise<void> }>();
    const close = source.open(mapping, (records) => {
      const report = (result: string): void => void this.#results.set(mapping.uuid, result);
      const pump = new RecordPump({ mapping, source: records, invoker, clock, report });
      pumps.add(pump);
      pump.start();
      return () => pump.stop();
    });
    return {
      generation: mapping.generation,
      stop: () => {
        close();
        for (const pump of pumps) pump.stop();
      },
      get ended() {
        return Promise.all([...pumps].map(({ ended }) => ended)).then(() => undefined);
      },
    };
  }

  #end(uuid: string): void {
    const run = this.#runs.get(uuid);
    if (run === undefined) return;
    this.#runs.delete(uuid);
    run.stop();
    const ending = this.#ending.get(uuid) ?? new Set();
    this.#ending.set(uuid, ending);
    const ended = run.ended.then(() => {
      ending.delete(ended);
      if (ending.size === 0) this.#ending.delete(uuid);
    });
    ending.add(ended);
  }
}
