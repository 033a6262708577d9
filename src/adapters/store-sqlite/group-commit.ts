import type { DatabaseSync, StatementSync } from "node:sqlite";
import type { Counters } from "./counters.ts";
import { failureName, messageOf } from "./failures.ts";
import type {
  OperationAnswer,
  OperationHandlers,
  OperationName,
  OperationRequest,
} from "./write-operations.ts";

/**
 * What need not be on disk when it is answered: who has received a job is forgotten at the next start anyway, and notes
 * are promised to outlive the process only. What follows on them in the log reaches the disk after them.
 */
const NEEDS_NO_SYNC: ReadonlySet<OperationName> = new Set(["claimJobs", "extendJob", "noteKeys"]);

/**
 * Carries out many operations in one transaction, so that they share one fsync. Each runs inside a savepoint of its
 * own: one that fails is undone without its neighbours.
 */
export class GroupCommit {
  readonly #db: DatabaseSync;
  readonly #handlers: OperationHandlers;
  readonly #counters: Counters;
  readonly #statements: Readonly<
    Record<"begin" | "commit" | "savepoint" | "release" | "undo", StatementSync>
  >;
  #syncs: boolean | undefined;

  constructor(db: DatabaseSync, handlers: OperationHandlers, counters: Counters) {
    this.#db = db;
    this.#handlers = handlers;
    this.#counters = counters;
    this.#statements = {
      begin: db.prepare("begin immediate"),
      commit: db.prepare("commit"),
      savepoint: db.prepare("savepoint operation"),
      release: db.prepare("release operation"),
      undo: db.prepare("rollback to operation"),
    };
  }

  /** Answers are in the order of the requests. `failed` says that something could not be written. */
  run(requests: readonly OperationRequest[]): { answers: OperationAnswer[]; failed: boolean } {
    const answers: OperationAnswer[] = [];
    let failed = false;
    try {
      this.#setSync(requests.some(({ name }) => !NEEDS_NO_SYNC.has(name)));
      this.#statements.begin.run();
      for (const request of requests) {
        const answer = this.#runOne(request);
        failed ||= "failure" in answer && answer.failure === "Unavailable";
        answers.push(answer);
      }
      this.#counters.save();
      this.#statements.commit.run();
      this.#counters.saved();
      return { answers, failed };
    } catch (error) {
      const message = this.#recover(error);
      return { answers: requests.map(({ id }) => ({ id, failure: "Unavailable", message })), failed: true };
    }
  }

  /** Whether the next commit waits for the disk; between transactions only. */
  #setSync(syncs: boolean): void {
    if (this.#syncs === syncs) return;
    this.#db.exec(`pragma synchronous = ${syncs ? "full" : "normal"}`);
    this.#syncs = syncs;
  }

  #runOne({ id, name, input }: OperationRequest): OperationAnswer {
    this.#statements.savepoint.run();
    try {
      // The compiler does not see that a request's name and input belong together.
      const handler = this.#handlers[name] as (
        input: unknown,
      ) => ReturnType<OperationHandlers[OperationName]>;
      const output = handler(input);
      this.#statements.release.run();
      return { id, output };
    } catch (error) {
      if (!this.#db.isTransaction) {
        // SQLite undoes the whole transaction by itself when the disk is full or broken.
        throw error;
      }
      this.#statements.undo.run();
      this.#statements.release.run();
      return { id, failure: failureName(error), message: messageOf(error) };
    }
  }

  /** Ends a transaction that failed as a whole. Returns the text for its callers. */
  #recover(error: unknown): string {
    try {
      if (this.#db.isTransaction) {
        this.#db.exec("rollback");
      }
      // A full disk may still have room in the database: empties the write-ahead log into it.
      this.#db.exec("pragma wal_checkpoint(truncate)");
    } catch {
      // Nothing more can be done here, and the caller is told of the first failure.
    }
    return `the database cannot be written: ${messageOf(error)}`;
  }
}
