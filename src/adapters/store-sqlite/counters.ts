import type { DatabaseSync, StatementSync } from "node:sqlite";

export type CounterName = "revision" | "epoch" | "position";

/**
 * Numbers that only grow, also over restarts. They are counted in memory and written once in each transaction;
 * numbers drawn in one that was undone are skipped.
 */
export class Counters {
  readonly #values = new Map<CounterName, number>();
  readonly #changed = new Set<CounterName>();
  readonly #save: StatementSync;

  constructor(db: DatabaseSync) {
    for (const row of db.prepare("select name, value from counter").all()) {
      this.#values.set(row.name as CounterName, Number(row.value));
    }
    this.#save = db.prepare("update counter set value = ? where name = ?");
  }

  /** Draws `count` numbers and returns the first one. */
  draw(name: CounterName, count = 1): number {
    const first = (this.#values.get(name) ?? 0) + 1;
    this.#values.set(name, first + count - 1);
    this.#changed.add(name);
    return first;
  }

  /** To be called before each commit. A counter stays marked until `saved`, in case the commit fails. */
  save(): void {
    for (const name of this.#changed) {
      this.#save.run(this.#values.get(name) ?? 0, name);
    }
  }

  saved(): void {
    this.#changed.clear();
  }
}
