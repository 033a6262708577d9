import assert from "node:assert/strict";
import type { InvocationRequest, InvocationResult } from "../core/invocation.ts";
import {
  type InvocationEvent,
  invalidStateTransition,
  type RuntimeApiRefusal,
} from "./runtime-api-session.ts";
import type { InvocationAnswer } from "./streamed-response.ts";

/** How often a runtime is given the event that it has not answered once more. */
const REDELIVERIES_MAX = 3;

/** An event that an environment has taken on, from then until its report is written. */
export class RunningInvocation {
  readonly request: InvocationRequest;
  /** Monotonic milliseconds. */
  readonly startedMs: number;
  /** Of the initialisation that this invocation reports: the one right before it. */
  readonly initDurationMs: number | undefined;
  /** What the runtime was handed. */
  event: InvocationEvent | undefined;
  #redeliveries = 0;
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

  /**
   * AWS: a runtime that asks for an event before it has answered this one has lost it, and gets it again. Whoever asks on
   * and on is refused: each time the event would have to be kept until it is read.
   */
  deliverAgain(deliver: (event: InvocationEvent) => void): RuntimeApiRefusal | undefined {
    if (this.isStreaming) return invalidStateTransition("InvocationResponse", "Ready");
    if (this.event === undefined || this.#redeliveries++ >= REDELIVERIES_MAX)
      return invalidStateTransition("Running", "Ready");
    deliver(this.event);
    return undefined;
  }

  /** Whether an answer of that kind would be taken. */
  expects(answer: "response" | "error"): RuntimeApiRefusal | undefined {
    if (this.answer === undefined && !this.isStreaming) return undefined;
    return invalidStateTransition(
      this.answer === undefined ? "InvocationResponse" : "RuntimeResponseSentState",
      answer === "error" ? "InvocationErrorResponse" : "InvocationResponse",
    );
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
