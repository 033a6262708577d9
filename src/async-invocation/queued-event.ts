import type { Owner } from "../core/function-reference.ts";

/** An event as it waits in its function's queue. */
export interface QueuedEvent extends Owner {
  readonly requestId: string;
  readonly functionName: string;
  /** Of the function that it was sent to: a later one of the same name does not get it. */
  readonly functionId: string;
  readonly qualifier: string | undefined;
  readonly traceHeader: string | undefined;
  /** How often the function has run with it, and failed. */
  readonly attempts: number;
  /** How often in turn it was throttled or the platform failed. */
  readonly backOffs: number;
  readonly payload: Uint8Array;
  /** The function's answer to the last attempt. */
  readonly lastResponse: FailedResponse | undefined;
}

/** What a function that failed answered. */
export interface FailedResponse {
  readonly executedVersion: string;
  readonly functionError: string;
  /** Left out where there was no room for it. */
  readonly payload: Uint8Array | undefined;
}

/** What stands before the bytes of payload and response. */
interface Header extends Omit<QueuedEvent, "payload" | "lastResponse" | "qualifier" | "traceHeader"> {
  readonly schema: 1;
  readonly qualifier?: string | undefined;
  readonly traceHeader?: string | undefined;
  readonly payloadBytes: number;
  readonly lastResponse?: Omit<FailedResponse, "payload"> & { readonly hasPayload: boolean };
}

const LENGTH_BYTES = 4;
/** Beyond it the response is left out: the store takes 1 MiB and 64 KiB. */
const BODY_BYTES_MAX = 1024 * 1024 + 32 * 1024;

/** The event as bytes: the header's length, the header as JSON, the payload, the last response. */
export function encodeEvent(event: QueuedEvent): Uint8Array {
  const { payload, lastResponse, ...rest } = event;
  const response = lastResponse?.payload;
  const hasPayload = response !== undefined && payload.byteLength + response.byteLength <= BODY_BYTES_MAX;
  const header: Header = {
    schema: 1,
    ...rest,
    payloadBytes: payload.byteLength,
    ...(lastResponse !== undefined && {
      lastResponse: {
        executedVersion: lastResponse.executedVersion,
        functionError: lastResponse.functionError,
        hasPayload,
      },
    }),
  };
  const text = JSON.stringify(header);
  const textBytes = Buffer.byteLength(text);
  const payloadStart = LENGTH_BYTES + textBytes;
  const payloadEnd = payloadStart + payload.byteLength;
  const bytes = Buffer.allocUnsafe(payloadEnd + (hasPayload ? response.byteLength : 0));
  bytes.writeUInt32BE(textBytes);
  bytes.write(text, LENGTH_BYTES);
  bytes.set(payload, payloadStart);
  if (hasPayload) bytes.set(response, payloadEnd);
  return bytes;
}

/** Throws when a newer version of Lambent wrote it. */
export function decodeEvent(body: Uint8Array): QueuedEvent {
  const bytes = Buffer.from(body.buffer, body.byteOffset, body.byteLength);
  const headerEnd = LENGTH_BYTES + bytes.readUInt32BE(0);
  const header = JSON.parse(bytes.toString("utf8", LENGTH_BYTES, headerEnd)) as Header;
  if (header.schema !== 1)
    throw new Error(`a queued event has schema ${String(header.schema)}, this version reads schema 1`);
  const { schema: _schema, payloadBytes, lastResponse, qualifier, traceHeader, ...rest } = header;
  const payloadEnd = headerEnd + payloadBytes;
  return {
    ...rest,
    qualifier,
    traceHeader,
    payload: bytes.subarray(headerEnd, payloadEnd),
    lastResponse: lastResponse && {
      executedVersion: lastResponse.executedVersion,
      functionError: lastResponse.functionError,
      payload: lastResponse.hasPayload ? bytes.subarray(payloadEnd) : undefined,
    },
  };
}
