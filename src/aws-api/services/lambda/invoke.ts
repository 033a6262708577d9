import { isUtf8 } from "node:buffer";
import { randomUUID } from "node:crypto";
import { AwsError, notSupported, requestEntityTooLarge } from "../../../core/errors.ts";
import { FUNCTION_LIMITS } from "../../../core/function-limits.ts";
import { findJsonError } from "../../../core/json-text.ts";
import { newTraceHeader } from "../../../core/trace-header.ts";
import type { LambdaDependencies, LambdaHandlers } from "./lambda-handlers.ts";

/** AWS: functions see `{}` when they are invoked without a payload. */
const EMPTY_PAYLOAD: Uint8Array = Buffer.from("{}");

/** Invoke: the hottest path of the program. */
export function invokeHandlers({ functions, invoker, clock }: LambdaDependencies): LambdaHandlers {
  return {
    Invoke: async (input, context) => {
      refuseUnsupported(input);
      const payload = checkedSize(input.Payload);
      const target = functions.resolveForInvoke(input.FunctionName ?? "", input.Qualifier, context);
      if (input.InvocationType === "DryRun") return { StatusCode: 204 };
      checkJson(payload);
      const traceHeader = context.traceHeader ?? newTraceHeader(clock.nowMs(), randomHex());
      const result = await invoker.invoke({
        requestId: context.requestId,
        version: target.version,
        invokedFunctionArn: target.invokedFunctionArn,
        payload,
        clientContext: clientContext(input.ClientContext),
        traceHeader,
        wantsLogTail: input.LogType === "Tail",
      });
      context.responseHeaders["x-amzn-trace-id"] = traceHeader;
      context.responseHeaders["x-amzn-remapped-content-length"] = "0";
      return {
        StatusCode: 200,
        FunctionError: result.functionError,
        LogResult: result.logTail === undefined ? undefined : Buffer.from(result.logTail).toString("base64"),
        Payload: result.payload,
        ExecutedVersion: target.executedVersion,
      };
    },
  };
}

function refuseUnsupported(input: {
  readonly InvocationType?: string | undefined;
  readonly TenantId?: string | undefined;
  readonly DurableExecutionName?: string | undefined;
}): void {
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
