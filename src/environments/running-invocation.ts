import assert from "node:assert/strict";
import type { InvocationRequest, InvocationResult } from "../core/invocation.ts";
import type { InvocationEvent } from "./runtime-api-session.ts";
import type { InvocationAnswer } from "./streamed-response.ts";

/** An event that an environment has taken on, from then until its report is written. */
export class RunningInvocation {
  readonly request: InvocationRequest;
  /** Monotonic milliseconds. */
  readonly startedMs: number;
  /** Of the initialisation that this invocation reports: the one right before it. */
  readonly initDurationMs: number | undefined;
  /** What the runtime was handed. */
  event: InvocationEvent | undefined;
  /** How often it was handed out again. */
  redeliveries = 0;
  cancelDeadline: () => void = () => undefined;
  /** What the runtime answered; the invocation ends when it asks for the next event. */
  answer: InvocationAnswer | undefined;
  /** The runtime has begun to answer with a stream. */
  isStreaming = false;
  /** Monotonic; taken only for those who want to hear of them, and before `answeredMs` only of streams. */
  answerBeganMs: number | undefined;
  answeredMs: number | undefined;
  /** The caller has been told. */
  isResolved = false;
  /** Known once it is over; its answer may have gone out before. */
  durationMs: number | undefined;
  readonly #tell: (result: InvocationResult) => void;

  constructor(
    request: InvocationRequest,
    tell: (result: InvocationResult) => void,
    startedMs: number,
    initDurationMs?: number,
  ) {
    this.request = request;
    this.#tell = tell;
    this.startedMs = startedMs;
    this.initDurationMs = initDurationMs;
  }

  /** Tells the caller the answer, once there is one. */
  resolve(nowMs: number, logTail: string | undefined): void {
    const { answer } = this;
    assert(answer !== undefined);
    this.isResolved = true;
    this.#tell({
      payload: answer.payload,
      functionError: answer.failed ? "Unhandled" : undefined,
      errorType: answer.errorType,
      durationMs: this.durationMs ?? nowMs - this.startedMs,
      logTail,
    });
  }
}
