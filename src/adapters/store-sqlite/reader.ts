import { DatabaseSync, type SQLInputValue, type SQLOutputValue, type StatementSync } from "node:sqlite";
import { Unavailable } from "../../ports/store.ts";
import { unavailable } from "./failures.ts";

export type Row = Record<string, SQLOutputValue>;

/**
 * The main thread's read-only connection. Reads come from the page cache and take microseconds; in WAL mode they
 * never wait for the writer, and see everything that it has committed.
 */
export class Reader {
  readonly #db: DatabaseSync;
  readonly #statements = new Map<string, StatementSync>();

  constructor(file: string) {
    this.#db = new DatabaseSync(file, { readOnly: true, timeout: 5_000 });
  }

  /** The first row. Throws `Unavailable` when the store is closed or the disk fails, like all reads. */
  get(sql: string, ...values: SQLInputValue[]): Row | undefined {
    return this.#attempt(() => this.#prepare(sql).get(...values));
  }

  /** As `get`, with values by name. */
  find(sql: string, values: Record<string, SQLInputValue>): Row | undefined {
    return this.#attempt(() => this.#prepare(sql).get(values));
  }

  all(sql: string, ...values: SQLInputValue[]): Row[] {
    return this.#attempt(() => this.#prepare(sql).all(...values));
  }

  /** Hands rows to `visit` until it returns false: for results of which only the beginning may be wanted. */
  each(visit: (row: Row) => boolean, sql: string, values: Record<string, SQLInputValue>): void {
    this.#attempt(() => {
      for (const row of this.#prepare(sql).iterate(values)) {
        if (!visit(row)) {
          break;
        }
      }
    });
  }

  /** Runs several reads on the same state of the database. */
  snapshot<Result>(read: () => Result): Result {
    return this.#attempt(() => {
      this.#db.exec("begin");
      try {
        return read();
      } finally {
        this.#db.exec("rollback");
      }
    });
  }

  close(): void {
    if (this.#db.isOpen) {
      this.#db.close();
    }
  }

  #prepare(sql: string): StatementSync {
    let statement = this.#statements.get(sql);
    if (statement === undefined) {
      statement = this.#db.prepare(sql);
      this.#statements.set(sql, statement);
    }
    return statement;
  }

  #attempt<Result>(read: () => Result): Result {
    if (!this.#db.isOpen) {
      throw new Unavailable("the store is closed");
    }
    try {
      return read();
    } catch (error) {
      throw error instanceof Unavailable ? error : unavailable("the database cannot be read", error);
    }
  }
}
