/**
 * Errors of a function as the caller sees them: HTTP 200 with X-Amz-Function-Error and one of these bodies.
 * Texts follow what AWS answers; see "Troubleshoot execution issues in Lambda".
 */
export interface FunctionFailure {
  readonly errorType: string;
  readonly payload: Uint8Array;
}

const encode = (body: { errorType: string; errorMessage: string }): FunctionFailure => ({
  errorType: body.errorType,
  payload: Buffer.from(JSON.stringify(body)),
});

/** The function did not finish within its timeout. */
export const timedOut = (requestId: string, timeoutSeconds: number): FunctionFailure =>
  encode({
    errorType: "Sandbox.Timedout",
    errorMessage: `RequestId: ${requestId} Error: Task timed out after ${timeoutSeconds.toFixed(2)} seconds`,
  });

/** The runtime's process ended during an invocation or an initialisation. */
export function exited(
  requestId: string,
  exit: { code: number | null; signal: string | null; outOfMemory: boolean },
): FunctionFailure {
  const prefix = `RequestId: ${requestId} Error: Runtime exited`;
  if (exit.outOfMemory) {
    return encode({ errorType: "Runtime.OutOfMemory", errorMessage: `${prefix} with error: signal: killed` });
  }
  if (exit.code === 0) {
    return encode({ errorType: "Runtime.ExitError", errorMessage: `${prefix} without providing a reason` });
  }
  const reason =
    exit.signal === null ? `exit status ${exit.code ?? 1}` : `signal: ${signalText(exit.signal)}`;
  return encode({ errorType: "Runtime.ExitError", errorMessage: `${prefix} with error: ${reason}` });
}

/** An extension has ended or has given up. */
export const extensionFailure = (requestId: string, errorType: string, reason: string): FunctionFailure =>
  encode({ errorType, errorMessage: `RequestId: ${requestId} Error: ${reason}` });

/**
 * What a runtime reported about its initialisation. AWS: the error of a missing or unusable bootstrap comes from the
 * platform there and names the request; the launcher that reports it here cannot know it.
 */
export function initFailure(requestId: string, errorType: string, payload: Uint8Array): FunctionFailure {
  const errorMessage = errorType === "Runtime.InvalidEntrypoint" ? messageOf(payload) : undefined;
  if (errorMessage === undefined) return { errorType, payload };
  return encode({ errorType, errorMessage: `RequestId: ${requestId} Error: ${errorMessage}` });
}

/** Any process in the sandbox may have written this: it can be anything. */
function messageOf(payload: Uint8Array): string | undefined {
  try {
    const body: unknown = JSON.parse(Buffer.from(payload).toString());
    if (typeof body !== "object" || body === null || !("errorMessage" in body)) return undefined;
    return typeof body.errorMessage === "string" ? body.errorMessage : undefined;
  } catch {
    return undefined;
  }
}

/** The buffered response was larger than AWS allows. */
export const responseTooLarge = (limitBytes: number): FunctionFailure =>
  encode({
    errorType: "Function.ResponseSizeTooLarge",
    errorMessage: `Response payload size exceeded maximum allowed payload size (${limitBytes} bytes).`,
  });

/** The connection on which the runtime streamed its response broke before the response's end. */
export const responseTruncated = (requestId: string): FunctionFailure =>
  encode({
    errorType: "Runtime.TruncatedResponse",
    errorMessage: `RequestId: ${requestId} Error: The response ended before it was complete`,
  });

/** AWS: as Go's standard library names them on Linux. */
const SIGNAL_TEXTS: Readonly<Record<string, string>> = {
  SIGHUP: "hangup",
  SIGINT: "interrupt",
  SIGQUIT: "quit",
  SIGILL: "illegal instruction",
  SIGTRAP: "trace/breakpoint trap",
  SIGABRT: "aborted",
  // The same signal by its older name.
  SIGIOT: "aborted",
  SIGBUS: "bus error",
  SIGFPE: "floating point exception",
  SIGKILL: "killed",
  SIGUSR1: "user defined signal 1",
  SIGSEGV: "segmentation fault",
  SIGUSR2: "user defined signal 2",
  SIGPIPE: "broken pipe",
  SIGALRM: "alarm clock",
  SIGTERM: "terminated",
  SIGSTKFLT: "stack fault",
  SIGXCPU: "CPU time limit exceeded",
  SIGXFSZ: "file size limit exceeded",
  SIGVTALRM: "virtual timer expired",
  SIGPROF: "profiling timer expired",
  SIGIO: "I/O possible",
  SIGPOLL: "I/O possible",
  SIGPWR: "power failure",
  SIGSYS: "bad system call",
};

function signalText(signal: string): string {
  return SIGNAL_TEXTS[signal] ?? signal;
}

/** AWS accepts `Runtime.Xyz` and `Function.Xyz` as error types of a runtime and reports everything else as unknown. */
export function reportedErrorType(
  header: string | undefined,
  unknown: "Runtime.Unknown" | "Function.Unknown",
): string {
  return header !== undefined && /^(Runtime|Function)\.[A-Z][a-zA-Z]+$/.test(header) ? header : unknown;
}
