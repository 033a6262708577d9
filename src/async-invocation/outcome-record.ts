import { findJsonError } from "../core/json-text.ts";

/** How an event ended, as records name it. AWS: "Capturing records of Lambda asynchronous invocations". */
export type OutcomeCondition =
  | "Success"
  | "RetriesExhausted"
  | "EventAgeExceeded"
  | "ZeroReservedConcurrency";

export interface OutcomeResponse {
  readonly executedVersion: string;
  /** Undefined for a success. */
  readonly functionError: string | undefined;
  readonly payload: Uint8Array | undefined;
}

export interface Outcome {
  readonly requestId: string;
  /** With a qualifier, "$LATEST" where the event named none. */
  readonly functionArn: string;
  readonly condition: OutcomeCondition;
  readonly approximateInvokeCount: number;
  /** JSON. */
  readonly requestPayload: Uint8Array;
  /** Undefined when the function has not run. */
  readonly response: OutcomeResponse | undefined;
}

/** The record that a destination gets, as JSON. The payloads stand in it as they came, digit for digit. */
export function outcomeRecord(outcome: Outcome, nowMs: number): string {
  const { requestId, functionArn, condition, approximateInvokeCount, response } = outcome;
  const members = [
    `"version":"1.0"`,
    `"timestamp":${JSON.stringify(new Date(nowMs).toISOString())}`,
    `"requestContext":${JSON.stringify({ requestId, functionArn, condition, approximateInvokeCount })}`,
    `"requestPayload":${jsonValue(outcome.requestPayload)}`,
  ];
  if (response !== undefined) {
    const { executedVersion, functionError, payload } = response;
    // AWS: 200 whatever the function answered; it is the status of the invocation.
    const context = {
      statusCode: 200,
      executedVersion,
      ...(functionError !== undefined && { functionError }),
    };
    members.push(`"responseContext":${JSON.stringify(context)}`);
    if (payload !== undefined) members.push(`"responsePayload":${jsonValue(payload)}`);
  }
  return `{${members.join(",")}}`;
}

/** A custom runtime can answer what is no JSON: that stands in the record as a string. */
function jsonValue(bytes: Uint8Array): string {
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString();
  if (bytes.byteLength === 0) return "null";
  return findJsonError(bytes) === undefined ? text : JSON.stringify(text);
}

const ERROR_MESSAGE_BYTES_MAX = 1024;

/** What the function says of its error: AWS puts the first kilobyte of it into the dead-letter queue. */
export function errorMessageOf(payload: Uint8Array | undefined): string {
  if (payload === undefined) return "";
  const text = Buffer.from(payload.buffer, payload.byteOffset, payload.byteLength).toString();
  try {
    const body: unknown = JSON.parse(text);
    if (typeof body === "object" && body !== null && "errorMessage" in body)
      return firstKilobyte(String(body.errorMessage));
  } catch {
    // Not JSON: the text itself says what there is to say.
  }
  return firstKilobyte(text);
}

function firstKilobyte(text: string): string {
  const bytes = Buffer.from(text);
  if (bytes.byteLength <= ERROR_MESSAGE_BYTES_MAX) return text;
  // A character that is cut in two is left out.
  return bytes.subarray(0, ERROR_MESSAGE_BYTES_MAX).toString().replace(/�+$/, "");
}

/** AWS: "aws/lambda/async/<function-name>/YYYY/MM/DD/YYYY-MM-DDTHH.MM.SS-<Random UUID>". */
export function objectKeyOf(functionName: string, nowMs: number, uuid: string): string {
  const timestamp = new Date(nowMs).toISOString().slice(0, 19);
  const [day = ""] = timestamp.split("T");
  return `aws/lambda/async/${functionName}/${day.replaceAll("-", "/")}/${timestamp.replaceAll(":", ".")}-${uuid}`;
}
