import { type FunctionFailure, responseTooLarge } from "../core/function-error.ts";
import { FUNCTION_LIMITS } from "../core/function-limits.ts";
import type { ResponseSink } from "../core/invocation.ts";
import {
  invalidRequestId,
  payloadTooLarge,
  type RuntimeApiRefusal,
  type StreamingResponse,
} from "./runtime-api-session.ts";

/** AWS: 6 MB and a little for the envelope, see "Lambda quotas" and the runtime interface emulator. */
export const MAX_RESPONSE_BYTES = 6_291_556;

/** How an invocation was answered. */
export interface InvocationAnswer {
  readonly payload: Uint8Array;
  readonly failed: boolean;
  readonly errorType?: string | undefined;
  /** Of a response that went out in pieces. */
  readonly streamedBytes?: number | undefined;
}

export interface StreamedResponseEvents {
  /** False once the invocation has ended otherwise. */
  readonly isExpected: () => boolean;
  readonly answer: (answer: InvocationAnswer) => void;
  readonly brokeOff: () => void;
}

const NOTHING: Uint8Array = new Uint8Array(0);

/**
 * One response in pieces, handed on as they come. AWS: a caller that did not ask for a stream gets it collected, up
 * to the limit of other responses ("Response streaming for Lambda functions" in the developer guide).
 */
export class StreamedResponse implements StreamingResponse {
  readonly #sink: ResponseSink | undefined;
  readonly #events: StreamedResponseEvents;
  readonly #limitBytes: number;
  readonly #collected: Uint8Array[] = [];
  #bytes = 0;

  constructor(sink: ResponseSink | undefined, contentType: string, events: StreamedResponseEvents) {
    this.#sink = sink;
    this.#events = events;
    this.#limitBytes = sink === undefined ? MAX_RESPONSE_BYTES : FUNCTION_LIMITS.streamedResponseBytesMax;
    sink?.start(contentType);
  }

  write(piece: Uint8Array): Promise<void> | undefined {
    if (!this.#events.isExpected()) return undefined;
    this.#bytes += piece.byteLength;
    if (this.#bytes > this.#limitBytes) {
      this.#collected.length = 0;
      const { payload, errorType } = responseTooLarge(this.#limitBytes);
      this.#events.answer({ payload, failed: true, errorType });
      return undefined;
    }
    if (this.#sink !== undefined) return this.#sink.write(piece);
    this.#collected.push(piece);
    return undefined;
  }

  end(): RuntimeApiRefusal | undefined {
    const refusal = this.#refusal();
    if (refusal !== undefined) return refusal;
    const payload = this.#sink === undefined ? Buffer.concat(this.#collected) : NOTHING;
    this.#events.answer({ payload, failed: false, streamedBytes: this.#bytes });
    return undefined;
  }

  fail(payload: Uint8Array, errorType: string | undefined): RuntimeApiRefusal | undefined {
    const refusal = this.#refusal();
    if (refusal !== undefined) return refusal;
    this.#events.answer({ payload, failed: true, errorType });
    return undefined;
  }

  breakOff(): void {
    if (this.#events.isExpected()) this.#events.brokeOff();
  }

  #refusal(): RuntimeApiRefusal | undefined {
    if (this.#bytes > this.#limitBytes) return payloadTooLarge(this.#limitBytes);
    return this.#events.isExpected() ? undefined : invalidRequestId;
  }
}

/** The answer of an invocation that did not get one from the runtime. */
export const answerOf = ({ payload, errorType }: FunctionFailure): InvocationAnswer => ({
  payload,
  failed: true,
  errorType,
});
