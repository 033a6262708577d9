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
}

export interface InvocationResult {
  readonly payload: Uint8Array;
  /** Set when the function failed: exception, time-out, crash, out of memory, initialisation error. */
  readonly functionError: "Unhandled" | undefined;
  /** Text, at most 4 KB; only when asked for. */
  readonly logTail: string | undefined;
}

/** Runs functions. Rejects with an `AwsError` when the invocation was refused (throttled, no runtime, shutting down). */
export interface Invoker {
  invoke(request: InvocationRequest): Promise<InvocationResult>;
}
