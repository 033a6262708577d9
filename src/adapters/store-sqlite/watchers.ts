import type { Change } from "../../ports/store.ts";

interface Watcher {
  readonly prefix: string;
  /** Changes up to here are in the watcher's snapshot. */
  readonly afterRevision: number;
  readonly onChange: (change: Change) => void;
}

/** Those who want to hear of changes to keys below a prefix. */
export class Watchers {
  readonly #watchers = new Set<Watcher>();

  /** Returns the function that ends it. */
  add(watcher: Watcher): () => void {
    this.#watchers.add(watcher);
    return () => {
      this.#watchers.delete(watcher);
    };
  }

  report(change: Exclude<Change, { type: "synced" }>, revision: number): void {
    const key = change.type === "put" ? change.entry.key : change.key;
    for (const watcher of this.#watchers) {
      if (revision > watcher.afterRevision && key.startsWith(watcher.prefix)) {
        notify(watcher, change);
      }
    }
  }
}

/** A watcher that throws has missed a change: that is a defect and stays an uncaught error, but harms no other. */
function notify(watcher: Watcher, change: Change): void {
  try {
    watcher.onChange(change);
  } catch (error) {
    queueMicrotask(() => {
      throw error;
    });
  }
}
