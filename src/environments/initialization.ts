import type { FunctionFailure } from "../core/function-error.ts";
import type { InitPhase } from "../core/platform-records.ts";
import type { Clock } from "../ports/clock.ts";
import type { InvocationLog } from "./invocation-log.ts";

/** How an initialisation ended. `failure` gives what the caller of a failed invocation is told. */
export type InitResult =
  | { readonly status: "success" }
  | { readonly status: "error" | "timeout"; readonly failure: (requestId: string) => FunctionFailure };

export type InitOutcome = InitResult & {
  /** The time that the sandbox took included. */
  readonly durationMs: number;
  /** Monotonic: since when there is a sandbox. What came before is not the function's doing, and none of its time. */
  readonly beganMs: number;
};

/** One initialisation, from the start of the sandbox until the runtime and all extensions wait for their first event. */
export class Initialization {
  readonly #clock: Clock;
  readonly #log: InvocationLog;
  readonly #phase: InitPhase;
  readonly #startedMs: number;
  readonly #ended = Promise.withResolvers<InitResult>();
  #cancelLimit: () => void = () => undefined;
  #isRuntimeDone = false;
  #isOver = false;

  constructor(clock: Clock, log: InvocationLog, phase: InitPhase) {
    this.#clock = clock;
    this.#log = log;
    this.#phase = phase;
    this.#startedMs = clock.monotonicMs();
  }

  /** To be called when the sandbox is there, from when `limitMs` counts. Resolves when it is over, which stands in the log then. */
  async outcome(
    limitMs: number,
    timeoutFailure: (requestId: string) => FunctionFailure,
  ): Promise<InitOutcome> {
    const beganMs = this.#clock.monotonicMs();
    this.#cancelLimit = this.#clock.deadline(limitMs, () =>
      this.finish({ status: "timeout", failure: timeoutFailure }),
    );
    const result = await this.#ended.promise;
    const durationMs = this.#clock.monotonicMs() - this.#startedMs;
    const { status } = result;
    const errorType = status === "error" ? result.failure("").errorType : undefined;
    this.#runtimeDone(status, errorType);
    this.#log.initReport({ phase: this.#phase, status, durationMs, errorType });
    return { ...result, durationMs, beganMs };
  }

  /** The runtime waits for its first event; extensions may still be busy. */
  runtimeReady(): void {
    this.#runtimeDone("success", undefined);
  }

  /** Without effect when it is over already. */
  finish(result: InitResult): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#cancelLimit();
    this.#ended.resolve(result);
  }

  #runtimeDone(status: InitResult["status"], errorType: string | undefined): void {
    if (this.#isRuntimeDone) return;
    this.#isRuntimeDone = true;
    this.#log.initRuntimeDone({ phase: this.#phase, status, errorType });
  }
}
