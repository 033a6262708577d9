import { extname } from "node:path";
import { Worker } from "node:worker_threads";
import { OperatorError } from "../../core/operator-error.ts";
import { Unavailable } from "../../ports/store.ts";
import { failureFrom, messageOf } from "./failures.ts";
import type {
  OperationAnswer,
  OperationInput,
  OperationName,
  OperationOutput,
  OperationRequest,
  WriterCommand,
  WriterReport,
} from "./write-operations.ts";

interface PendingOperation {
  resolve(output: OperationOutput<OperationName>): void;
  reject(error: Error): void;
  committed: ((output: OperationOutput<OperationName>) => void) | undefined;
}

/** Resolves to the same file whether the program runs from source or compiled. */
const WORKER_URL = new URL(`./writer.worker${extname(import.meta.url)}`, import.meta.url);

/** The main thread's side of the writer thread: sends operations, hands out answers. */
export class Writer {
  readonly #worker: Worker;
  readonly #onFailure: () => void;
  readonly #pending = new Map<number, PendingOperation>();
  readonly #ended: Promise<void>;
  #unsent: OperationRequest[] = [];
  #nextId = 1;
  #closed = false;
  #failure: string | undefined;

  private constructor(worker: Worker, onFailure: () => void) {
    this.#worker = worker;
    this.#onFailure = onFailure;
    worker.on("message", (report: WriterReport) => this.#onReport(report));
    worker.on("error", (error) => this.#fail(`the writer thread failed: ${messageOf(error)}`));
    this.#ended = new Promise((resolve) => {
      worker.once("exit", () => {
        this.#fail("the writer thread has ended");
        resolve();
      });
    });
  }

  /**
   * Opens the database and brings its schema up to date. Rejects with `OperatorError` when it cannot be used.
   * `onFailure` runs whenever something could not be written.
   */
  static async open(file: string, onFailure: () => void): Promise<Writer> {
    const worker = new Worker(WORKER_URL, { name: "store-writer", workerData: { file } });
    await new Promise<void>((resolve, reject) => {
      worker.once("error", reject);
      worker.once("message", (report: WriterReport) => {
        worker.off("error", reject);
        if (report.type === "refused") {
          reject(new OperatorError(report.message, report.advice));
        } else {
          resolve();
        }
      });
    });
    return new Writer(worker, onFailure);
  }

  /**
   * Resolves when the operation is on disk. Rejects with the port's definite failures, and with `Unavailable` when
   * it may or may not have happened. `committed` runs before the promise resolves, in the order of the commits.
   */
  run<Name extends OperationName>(
    name: Name,
    input: OperationInput<Name>,
    committed?: (output: OperationOutput<Name>) => void,
  ): Promise<OperationOutput<Name>> {
    if (this.#closed || this.#failure !== undefined) {
      return Promise.reject(new Unavailable(this.#failure ?? "the store is closed"));
    }
    const id = this.#nextId++;
    if (this.#unsent.length === 0) {
      // What this turn of the event loop asks for goes into one message, and with it into one commit: all requests, for
      // instance, that have come in on many connections since the last turn.
      setImmediate(() => this.#send());
    }
    this.#unsent.push({ id, name, input });
    const { promise, resolve, reject } = Promise.withResolvers<OperationOutput<OperationName>>();
    // The answer to an operation has the type that belongs to its name; the map of pending ones cannot say so.
    this.#pending.set(id, { resolve, reject, committed: committed as PendingOperation["committed"] });
    return promise as Promise<OperationOutput<Name>>;
  }

  /** Everything asked for before is carried out first. */
  async close(): Promise<void> {
    if (!this.#closed) {
      this.#closed = true;
      this.#send();
      this.#command({ type: "close" });
    }
    await this.#ended;
  }

  #send(): void {
    if (this.#unsent.length > 0) {
      this.#command({ type: "run", requests: this.#unsent });
      this.#unsent = [];
    }
  }

  #command(command: WriterCommand): void {
    this.#worker.postMessage(command);
  }

  #onReport(report: WriterReport): void {
    if (report.type === "answers") {
      if (report.failed) {
        this.#onFailure();
      }
      for (const answer of report.answers) {
        this.#settle(answer);
      }
    }
  }

  #settle(answer: OperationAnswer): void {
    const operation = this.#pending.get(answer.id);
    this.#pending.delete(answer.id);
    if (operation === undefined) {
      return;
    }
    if ("failure" in answer) {
      operation.reject(failureFrom(answer.failure, answer.message));
    } else {
      operation.committed?.(answer.output);
      operation.resolve(answer.output);
    }
  }

  #fail(message: string): void {
    this.#failure ??= message;
    if (!this.#closed) {
      this.#onFailure();
    }
    for (const operation of this.#pending.values()) {
      operation.reject(new Unavailable(message));
    }
    this.#pending.clear();
  }
}
