import { isUtf8 } from "node:buffer";
import { randomUUID } from "node:crypto";
import { AwsError, notSupported, requestEntityTooLarge } from "../../../core/errors.ts";
import { FUNCTION_LIMITS } from "../../../core/function-limits.ts";
import { invokedOwner } from "../../../core/function-reference.ts";
import type { InvocationRequest } from "../../../core/invocation.ts";
import { findJsonError } from "../../../core/json-text.ts";
import type { RequestContext } from "../../protocol/handlers.ts";
import type { LambdaDependencies, LambdaHandlers } from "./lambda-handlers.ts";

/** AWS: functions see `{}` when they are invoked without a payload. */
const EMPTY_PAYLOAD: Uint8Array = Buffer.from("{}");

/** Invoke: the hottest path of the program. */
export function invokeHandlers(dependencies: LambdaDependencies): LambdaHandlers {
  return {
    Invoke: async (input, context) => {
      const invocation = readInvocation(dependencies, input, context);
      if (invocation === "dry run") return { StatusCode: 204 };
      const { request, executedVersion } = invocation;
      const result = await dependencies.invoker.invoke(request);
      context.responseHeaders["x-amzn-trace-id"] = request.traceHeader ?? "";
      context.responseHeaders["x-amzn-remapped-content-length"] = "0";
      return {
        StatusCode: 200,
        FunctionError: result.functionError,
        LogResult: logResult(result.logTail),
        Payload: result.payload,
        ExecutedVersion: executedVersion,
      };
    },
  };
}

/** What the operations that invoke have in common. */
interface InvocationInput {
  readonly FunctionName: string | undefined;
  readonly Qualifier?: string | undefined;
  readonly Payload?: Uint8Array | undefined;
  readonly ClientContext?: string | undefined;
  readonly LogType?: string | undefined;
  readonly InvocationType?: string | undefined;
  readonly TenantId?: string | undefined;
  readonly DurableExecutionName?: string | undefined;
}

/** Checks what a caller wants and makes it ready to run. Throws `AwsError` for all that Invoke refuses. */
export function readInvocation(
  { functions, clock, traceHeaders }: LambdaDependencies,
  input: InvocationInput,
  context: RequestContext,
): { readonly request: InvocationRequest; readonly executedVersion: string } | "dry run" {
  refuseUnsupported(input);
  const payload = checkedSize(input.Payload);
  const reference = input.FunctionName ?? "";
  const target = functions.resolveForInvoke(reference, input.Qualifier, invokedOwner(context, reference));
  if (input.InvocationType === "DryRun") return "dry run";
  checkJson(payload);
  const request: InvocationRequest = {
    requestId: context.requestId,
    version: target.version,
    invokedFunctionArn: target.invokedFunctionArn,
    payload,
    clientContext: clientContext(input.ClientContext),
    traceHeader: traceHeaders.headerFor(target.version, context.traceHeader, {
      nowMs: clock.nowMs(),
      randomHex: randomHex(),
    }),
    wantsLogTail: input.LogType === "Tail",
  };
  return { request, executedVersion: target.executedVersion };
}

/** The log tail as answers carry it. */
export const logResult = (logTail: string | undefined): string | undefined =>
  logTail === undefined ? undefined : Buffer.from(logTail).toString("base64");

function refuseUnsupported(input: InvocationInput): void {
  if (input.InvocationType === "Event") throw notSupported("InvocationType Event");
  if (input.TenantId !== undefined) throw notSupported("TenantId");
  if (input.DurableExecutionName !== undefined) throw notSupported("DurableExecutionName");
}

function checkedSize(payload: Uint8Array | undefined): Uint8Array {
  if (payload === undefined || payload.byteLength === 0) return EMPTY_PAYLOAD;
  const limit = FUNCTION_LIMITS.requestPayloadBytesMax;
  if (payload.byteLength > limit) {
    throw requestEntityTooLarge(
      `${payload.byteLength} byte payload is too large for the RequestResponse invocation type (limit ${limit} bytes)`,
    );
  }
  return payload;
}

function checkJson(payload: Uint8Array): void {
  if (payload === EMPTY_PAYLOAD) return;
  const problem = isUtf8(payload) ? findJsonError(payload) : "Invalid UTF-8 in the text";
  if (problem === undefined) return;
  throw invalidRequestContent(
    `Could not parse request body into json: Could not parse payload into json: ${problem}`,
  );
}

/** JSON text of the X-Amz-Client-Context header. */
function clientContext(encoded: string | undefined): string | undefined {
  if (encoded === undefined || encoded === "") return undefined;
  if (encoded.length > FUNCTION_LIMITS.clientContextBytesMax) {
    throw invalidRequestContent(
      `Client context must not be larger than ${FUNCTION_LIMITS.clientContextBytesMax} bytes.`,
    );
  }
  const decoded = Buffer.from(encoded, "base64");
  const text = decoded.toString();
  if (!isUtf8(decoded) || !text.trimStart().startsWith("{") || findJsonError(decoded) !== undefined) {
    throw invalidRequestContent("Client context must be a valid Base64-encoded JSON object.");
  }
  return text;
}

const invalidRequestContent = (message: string): AwsError =>
  new AwsError("InvalidRequestContentException", message, 400);

/** 64 digits; random UUIDs come from a pool, which is much cheaper than asking the system each time. */
const randomHex = (): string => `${randomUUID()}${randomUUID()}`.replaceAll("-", "");
