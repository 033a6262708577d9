/** What the Runtime API hands to a waiting runtime. */
export interface InvocationEvent {
  readonly requestId: string;
  readonly payload: Uint8Array;
  /** Epoch milliseconds. */
  readonly deadlineMs: number;
  readonly invokedFunctionArn: string;
  readonly traceHeader: string | undefined;
  readonly clientContext: string | undefined;
}

/** Why the Runtime API refused a call, in the words of its error body. */
export interface RuntimeApiRefusal {
  readonly status: number;
  readonly errorType: string;
  readonly errorMessage: string;
}

/** A response on its way in. After the invocation's end, by whatever cause, nothing here has an effect any more. */
export interface StreamingResponse {
  /** Takes a piece; a promise asks to wait with the next one until it resolves. Never rejects. */
  write(piece: Uint8Array): Promise<void> | undefined;
  /** The response is whole. */
  end(): RuntimeApiRefusal | undefined;
  /** The runtime reported an error after it had begun to respond. */
  fail(payload: Uint8Array, errorType: string | undefined): RuntimeApiRefusal | undefined;
  /** The runtime's connection is gone in the middle. */
  breakOff(): void;
}

/**
 * One execution environment as its runtime sees it through the Runtime API. Every method is a step of the state
 * machine; one that is not allowed in the present state changes nothing and answers a refusal.
 */
export interface RuntimeApiSession {
  /** The largest response body that is read, bytes. */
  readonly maxResponseBytes: number;
  /**
   * Parks until there is an event; `deliver` is called at most once. AWS: whoever asks while it has an event to answer is
   * given that again.
   */
  next(deliver: (event: InvocationEvent) => void): RuntimeApiRefusal | undefined;
  /** Whether a response or error for this request would be taken, before its body is read. */
  expects(requestId: string, answer: "response" | "error"): RuntimeApiRefusal | undefined;
  response(requestId: string, payload: Uint8Array): RuntimeApiRefusal | undefined;
  responseTooLarge(requestId: string): void;
  /** A response that comes in pieces begins; from here on the invocation is answered through what is returned. */
  streamResponse(requestId: string, contentType: string): StreamingResponse | RuntimeApiRefusal;
  error(requestId: string, payload: Uint8Array, errorType?: string): RuntimeApiRefusal | undefined;
  initError(errorType: string | undefined, payload: Uint8Array): RuntimeApiRefusal | undefined;
}

/** AWS: the names of a runtime's states, as its runtime interface emulator tells them. */
export type RuntimeState =
  | "Started"
  | "Ready"
  | "Running"
  | "InvocationResponse"
  | "RuntimeResponseSentState";

export const invalidStateTransition = (
  from: RuntimeState,
  to: "Ready" | "InitError" | "InvocationResponse" | "InvocationErrorResponse",
): RuntimeApiRefusal => ({
  status: 403,
  errorType: "InvalidStateTransition",
  errorMessage: `State transition from ${from} to ${to} failed for runtime. Error: State transition is not allowed`,
});

export const invalidRequestId: RuntimeApiRefusal = {
  status: 400,
  errorType: "InvalidRequestID",
  errorMessage: "Invalid request ID",
};

export const payloadTooLarge = (limitBytes: number): RuntimeApiRefusal => ({
  status: 413,
  errorType: "RequestEntityTooLarge",
  errorMessage: `Exceeded maximum allowed payload size (${limitBytes} bytes).`,
});
