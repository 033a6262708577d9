import type { Owner } from "./function-reference.ts";
import type { FunctionVersion } from "./function-version.ts";

/** One synchronous invocation of a resolved function version. */
export interface InvocationRequest {
  readonly requestId: string;
  readonly version: FunctionVersion;
  /** As the caller named it: with the alias or version, when one was given. */
  readonly invokedFunctionArn: string;
  readonly payload: Uint8Array;
  /** JSON text of X-Amz-Client-Context, decoded from base64. */
  readonly clientContext: string | undefined;
  /** X-Amzn-Trace-Id; made up by the platform when the caller sent none. */
  readonly traceHeader: string | undefined;
  /** Collect the last 4 KB of this invocation's log (LogType=Tail). */
  readonly wantsLogTail: boolean;
  /** Where a response that the function streams goes as it comes. Without one it is collected. */
  readonly responseSink?: ResponseSink | undefined;
}

/** Takes a response that a function streams, at the pace of whoever reads it. */
export interface ResponseSink {
  /** The response begins; called at most once, before the first piece. */
  start(contentType: string): void;
  /** Takes a piece; a promise asks to wait with the next one until it resolves. Neither throws nor rejects. */
  write(piece: Uint8Array): Promise<void> | undefined;
}

export interface InvocationResult {
  /** The response, or the error's body; empty when the response went into a sink. */
  readonly payload: Uint8Array;
  /** Set when the function failed: exception, time-out, crash, out of memory, initialisation error. */
  readonly functionError: "Unhandled" | undefined;
  /** What kind of error it was, where a function failed and it is known. */
  readonly errorType?: string | undefined;
  /** How long the function ran, without its initialisation. */
  readonly durationMs?: number | undefined;
  /** Text, at most 4 KB; only when asked for. */
  readonly logTail: string | undefined;
}

/** Runs functions. Rejects with an `AwsError` when the invocation was refused (throttled, no runtime, shutting down). */
export interface Invoker {
  invoke(request: InvocationRequest): Promise<InvocationResult>;
  /**
   * The same for a caller that takes the response as it comes. A function that streams writes into the sink before
   * this resolves; one that does not leaves the sink alone, and its response is the result's payload.
   */
  invokeStreaming(request: InvocationRequest, sink: ResponseSink): Promise<InvocationResult>;
}

/** An event for a function, to be run when its turn comes; the qualifier is resolved then. */
export interface AsyncInvocationRequest extends Owner {
  /** The same for every attempt. */
  readonly requestId: string;
  readonly functionName: string;
  readonly qualifier: string | undefined;
  /** JSON. */
  readonly payload: Uint8Array;
  /** X-Amzn-Trace-Id as it came with the event. */
  readonly traceHeader: string | undefined;
}

/** Takes events for functions. */
export interface AsyncInvoker {
  /**
   * Resolves when the event is on disk, from when on it is executed at least once or ends in its destination. Rejects
   * with AWS's 404 where there is no such function, and with `Unavailable` when it may or may not have been taken.
   */
  accept(request: AsyncInvocationRequest): Promise<void>;
}
