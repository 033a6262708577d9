import type { InvocationResult } from "../../../core/invocation.ts";
import { logResult, readInvocation } from "./invoke.ts";
import type { LambdaDependencies, LambdaHandlers } from "./lambda-handlers.ts";
import { PieceQueue } from "./piece-queue.ts";

type Events = NonNullable<
  Awaited<ReturnType<NonNullable<LambdaHandlers["InvokeWithResponseStream"]>>>["EventStream"]
>;

/** AWS: what a function returns is JSON, whether it was streamed or not. */
const RESULT_CONTENT_TYPE = "application/json";

/**
 * InvokeWithResponseStream: what Invoke does, answered with the function's response as it comes. Nothing is sent
 * before the function has begun to respond, so that whatever is refused is an HTTP error.
 */
export function invokeWithResponseStreamHandlers(dependencies: LambdaDependencies): LambdaHandlers {
  return {
    InvokeWithResponseStream: async (input, context) => {
      const invocation = readInvocation(dependencies, input, context);
      if (invocation === "dry run") return { StatusCode: 204, EventStream: noEvents() };
      const { request, executedVersion } = invocation;
      const pieces = new PieceQueue();
      // AWS: a client that goes away does not stop the function; what it still writes is thrown away.
      if (context.signal.aborted) pieces.discard();
      else context.signal.addEventListener("abort", () => pieces.discard());
      const begun = Promise.withResolvers<string>();
      const ended = dependencies.invoker
        .invokeStreaming(request, {
          start: (contentType) => begun.resolve(contentType),
          write: (piece) => pieces.write(piece),
        })
        .finally(() => pieces.end());
      const contentType = await Promise.race([begun.promise, ended.then(() => RESULT_CONTENT_TYPE)]);
      context.responseHeaders["x-amzn-trace-id"] = request.traceHeader ?? "";
      context.responseHeaders["x-amzn-responsestream-content-type"] = headerText(contentType);
      return { StatusCode: 200, ExecutedVersion: executedVersion, EventStream: events(pieces, ended) };
    },
  };
}

/** A content type comes from the function: it may have characters that no header can have. */
const headerText = (text: string): string => text.replace(/[^\x20-\x7e]/g, "");

async function* noEvents(): AsyncGenerator<never> {}

async function* events(pieces: PieceQueue, ended: Promise<InvocationResult>): Events & AsyncGenerator {
  try {
    for await (const Payload of pieces) yield { PayloadChunk: { Payload } };
    const { payload, functionError, errorType, logTail } = await ended;
    const failed = functionError !== undefined;
    // A function that does not stream: its response is one piece.
    if (!failed && payload.byteLength > 0) yield { PayloadChunk: { Payload: payload } };
    yield {
      InvokeComplete: {
        ErrorCode: failed ? (errorType ?? errorTypeOf(payload) ?? functionError) : undefined,
        ErrorDetails: failed ? Buffer.from(payload).toString() : undefined,
        LogResult: logResult(logTail),
      },
    };
  } finally {
    pieces.discard();
  }
}

/** Runtimes need not tell the type beside the error's body, which can be anything. */
function errorTypeOf(payload: Uint8Array): string | undefined {
  try {
    const body: unknown = JSON.parse(Buffer.from(payload).toString());
    if (typeof body !== "object" || body === null || !("errorType" in body)) return undefined;
    return typeof body.errorType === "string" ? body.errorType : undefined;
  } catch {
    return undefined;
  }
}
