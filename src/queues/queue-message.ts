import { createHash } from "node:crypto";
import {
  attributesFrom,
  type MessageAttribute,
  type StoredAttributes,
  storedAttributes,
} from "../core/message-attribute.ts";

/** A message as it is kept. */
export interface StoredMessage {
  readonly messageId: string;
  /** Orders the messages of a queue; grows with every message that is sent. */
  readonly sequence: number;
  readonly body: string;
  readonly attributes: Readonly<Record<string, MessageAttribute>>;
  readonly sentMs: number;
  readonly visibleFromMs: number;
  readonly senderId: string;
  readonly groupId?: string | undefined;
  readonly deduplicationId?: string | undefined;
  readonly traceHeader?: string | undefined;
  /** The queue that it came from, for one that was received too often there. */
  readonly deadLetterSourceArn?: string | undefined;
}

/** How a message was received last. */
export interface Reception {
  readonly receiveCount: number;
  readonly firstReceivedMs: number;
  /** Until when it is out. */
  readonly dueMs: number;
  /** Part of the receipt handle. */
  readonly reception: string;
  /** Whoever has it is gone when this process is: it is to be received again at once. */
  readonly endsWithProcess: boolean;
}

const HEAD_BYTES = 4;

/** The body as it is, behind everything else: escaped in JSON it could double. */
export function encodeMessage({ body, attributes, ...rest }: StoredMessage): Uint8Array {
  const head = {
    ...rest,
    attributes: storedAttributes(attributes),
  };
  const headBytes = Buffer.from(JSON.stringify(head));
  const length = Buffer.alloc(HEAD_BYTES);
  length.writeUInt32BE(headBytes.byteLength);
  return Buffer.concat([length, headBytes, Buffer.from(body)]);
}

type StoredHead = Omit<StoredMessage, "body" | "attributes"> & {
  readonly attributes: StoredAttributes;
};

export function decodeMessage(value: Uint8Array): StoredMessage {
  const bytes = Buffer.from(value.buffer, value.byteOffset, value.byteLength);
  const end = HEAD_BYTES + bytes.readUInt32BE();
  const { attributes, ...rest } = JSON.parse(bytes.toString("utf8", HEAD_BYTES, end)) as StoredHead;
  return {
    ...rest,
    body: bytes.toString("utf8", end),
    attributes: attributesFrom(attributes),
  };
}

const STRING_TRANSPORT = 1;
const BINARY_TRANSPORT = 2;

function lengthAndBytes(bytes: Uint8Array): Uint8Array {
  const length = Buffer.alloc(4);
  length.writeUInt32BE(bytes.byteLength);
  return Buffer.concat([length, bytes]);
}

/** See "Calculating the MD5 message digest for message attributes" in the SQS developer guide; undefined without any. */
export function md5OfAttributes(attributes: Readonly<Record<string, MessageAttribute>>): string | undefined {
  const names = Object.keys(attributes).sort();
  if (names.length === 0) return undefined;
  const hash = createHash("md5");
  for (const name of names) {
    const { type = "", stringValue, binaryValue } = attributes[name] ?? {};
    hash.update(lengthAndBytes(Buffer.from(name)));
    hash.update(lengthAndBytes(Buffer.from(type)));
    hash.update(Buffer.from([binaryValue === undefined ? STRING_TRANSPORT : BINARY_TRANSPORT]));
    hash.update(lengthAndBytes(binaryValue ?? Buffer.from(stringValue ?? "")));
  }
  return hash.digest("hex");
}

export const md5OfText = (text: string): string => createHash("md5").update(text).digest("hex");

/** AWS: twenty digits. */
export const sequenceNumberText = (sequence: number): string => `1${String(sequence).padStart(19, "0")}`;
