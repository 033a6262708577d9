import { EventStreamCodec } from "@smithy/core/event-streams";
import type { NormalizedSchema } from "@smithy/core/schema";
import { fromUtf8, toUtf8 } from "@smithy/core/serde";
import { failureOf } from "./failure.ts";
import type { Reply } from "./reply.ts";
import type { Operation } from "./service-model.ts";
import type { Member, StructureShape } from "./shape.ts";

/** How the protocol around an event stream writes the bodies of events. */
export interface EventFormat {
  readonly contentType: string;
  /** The members of an event that stand in its body. */
  encode(members: readonly Member[], schema: NormalizedSchema, value: Record<string, unknown>): Uint8Array;
}

type HeaderValue =
  | { type: "string"; value: string }
  | { type: "boolean"; value: boolean }
  | { type: "integer"; value: number }
  | { type: "timestamp"; value: Date }
  | { type: "binary"; value: Uint8Array };

const codec = new EventStreamCodec(toUtf8, fromUtf8);
const streamContentType = "application/vnd.amazon.eventstream";
const text = (value: string): HeaderValue => ({ type: "string", value });

/**
 * Sends an output whose member is a stream of events. Events are taken as fast as the client reads; an error on the
 * way becomes the stream's exception event. `initial` is the body of the first event of RPC protocols.
 */
export async function sendEventStream(
  operation: Operation,
  output: Record<string, unknown>,
  reply: Reply,
  format: EventFormat & { readonly status: number; readonly initial: Uint8Array | undefined },
): Promise<void> {
  const member = operation.outputBindings.eventStream;
  if (member?.shape.kind !== "structure") throw new Error(`${operation.name} has no event stream`);
  const union = member.shape;
  reply.start(format.status, streamContentType);
  if (format.initial)
    await reply.write(
      message({ ":event-type": text("initial-response") }, "event", format.initial, format.contentType),
    );
  try {
    for await (const event of output[member.name] as AsyncIterable<Record<string, unknown>>) {
      if (reply.signal.aborted) return;
      await reply.write(encodeEvent(union, event, format));
    }
  } catch (error) {
    await reply.write(encodeFailure(operation, union, error, format));
    if (failureOf(operation.service, error).unexpected) throw error;
  } finally {
    reply.finish();
  }
}

function encodeEvent(union: StructureShape, event: Record<string, unknown>, format: EventFormat): Uint8Array {
  const kind = union.members.find(({ name }) => event[name] !== undefined && event[name] !== null);
  if (kind?.shape.kind !== "structure") throw new Error(`An event of ${union.name} has none of its members`);
  const value = event[kind.name] as Record<string, unknown>;
  const headers: Record<string, HeaderValue> = { ":event-type": text(kind.name) };
  const body: Member[] = [];
  for (const member of kind.shape.members) {
    const given = value[member.name];
    if (member.traits.eventPayload === 1) return payloadEvent(member, given, headers, format);
    if (member.traits.eventHeader !== 1) body.push(member);
    else if (given !== undefined && given !== null) headers[member.name] = headerValue(given);
  }
  return message(headers, "event", format.encode(body, kind.shape.schema, value), format.contentType);
}

function payloadEvent(
  member: Member,
  value: unknown,
  headers: Record<string, HeaderValue>,
  format: EventFormat,
): Uint8Array {
  if (member.shape.kind === "blob")
    return message(
      headers,
      "event",
      (value as Uint8Array | undefined) ?? new Uint8Array(),
      "application/octet-stream",
    );
  if (member.shape.kind === "string")
    return message(headers, "event", fromUtf8(typeof value === "string" ? value : ""), "text/plain");
  if (member.shape.kind !== "structure") throw new Error(`${member.name} cannot be the payload of an event`);
  const { members, schema } = member.shape;
  return message(
    headers,
    "event",
    format.encode(members, schema, value as Record<string, unknown>),
    format.contentType,
  );
}

function encodeFailure(
  operation: Operation,
  union: StructureShape,
  error: unknown,
  format: EventFormat,
): Uint8Array {
  const failure = failureOf(operation.service, error);
  const kind = union.members.find(({ shape }) => shape.kind === "structure" && shape.name === failure.code);
  if (kind?.shape.kind !== "structure")
    return codec.encode({
      headers: {
        ":message-type": text("error"),
        ":error-code": text(failure.code),
        ":error-message": text(failure.message),
      },
      body: new Uint8Array(),
    });
  const body = format.encode(kind.shape.members, kind.shape.schema, { ...failure.members });
  return message({ ":exception-type": text(kind.name) }, "exception", body, format.contentType);
}

function message(
  headers: Record<string, HeaderValue>,
  messageType: "event" | "exception",
  body: Uint8Array,
  contentType: string,
): Uint8Array {
  return codec.encode({
    headers: { ":message-type": text(messageType), ":content-type": text(contentType), ...headers },
    body,
  });
}

function headerValue(value: unknown): HeaderValue {
  if (typeof value === "boolean") return { type: "boolean", value };
  if (typeof value === "number") return { type: "integer", value };
  if (value instanceof Date) return { type: "timestamp", value };
  return value instanceof Uint8Array ? { type: "binary", value } : text(String(value));
}
