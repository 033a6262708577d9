import type { LogStreamReference } from "../ports/log-sink.ts";
import type { NewLogEntry } from "../ports/store.ts";

/** Log events of one stream, as they have just been stored. */
export interface IngestedEvents {
  readonly stream: LogStreamReference;
  readonly events: readonly NewLogEntry[];
  readonly ingestedAtMs: number;
}

/** Tells whoever wants to know of log events, after they were stored. Listeners neither throw nor wait. */
export class LogIngestion {
  readonly #listeners = new Set<(ingested: IngestedEvents) => void>();

  /** The returned function ends it. */
  subscribe(listener: (ingested: IngestedEvents) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  publish(ingested: IngestedEvents): void {
    for (const listener of this.#listeners) listener(ingested);
  }
}
