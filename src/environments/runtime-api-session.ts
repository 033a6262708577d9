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

/**
 * One execution environment as its runtime sees it through the Runtime API. Every method is a step of the state
 * machine; one that is not allowed in the present state changes nothing and answers a refusal.
 */
export interface RuntimeApiSession {
  /** The largest response body that is read, bytes. */
  readonly maxResponseBytes: number;
  /** Parks until there is an event; `deliver` is called at most once. */
  next(deliver: (event: InvocationEvent) => void): RuntimeApiRefusal | undefined;
  /** Whether a response or error for this request would be taken, before its body is read. */
  expects(requestId: string): RuntimeApiRefusal | undefined;
  response(requestId: string, payload: Uint8Array): RuntimeApiRefusal | undefined;
  responseTooLarge(requestId: string): void;
  error(requestId: string, payload: Uint8Array): RuntimeApiRefusal | undefined;
  initError(errorType: string | undefined, payload: Uint8Array): RuntimeApiRefusal | undefined;
}

export const invalidStateTransition = (errorMessage: string): RuntimeApiRefusal => ({
  status: 403,
  errorType: "InvalidStateTransition",
  errorMessage,
});

export const invalidRequestId: RuntimeApiRefusal = {
  status: 400,
  errorType: "InvalidRequestID",
  errorMessage: "Invalid request ID",
};
