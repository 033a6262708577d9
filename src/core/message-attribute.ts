/** A message attribute as SQS and SNS have them; `type` with its label ("Number.int"). */
export interface MessageAttribute {
  readonly type: string;
  readonly stringValue?: string | undefined;
  readonly binaryValue?: Uint8Array | undefined;
}

export type MessageAttributes = Readonly<Record<string, MessageAttribute>>;

/** What counts against the limit of a message: the body, and names, types and values of the attributes. */
export function messageBytes(body: string, attributes: MessageAttributes): number {
  let bytes = Buffer.byteLength(body);
  for (const [name, { type, stringValue = "", binaryValue }] of Object.entries(attributes))
    bytes +=
      Buffer.byteLength(name) +
      Buffer.byteLength(type) +
      (binaryValue?.byteLength ?? Buffer.byteLength(stringValue));
  return bytes;
}

/** Attributes as JSON keeps them: name, type, text, bytes in base64. */
export type StoredAttributes = readonly (readonly [string, string, string | null, string | null])[];

export const storedAttributes = (attributes: MessageAttributes): StoredAttributes =>
  Object.entries(attributes).map(([name, { type, stringValue, binaryValue }]) => [
    name,
    type,
    stringValue ?? null,
    binaryValue === undefined ? null : Buffer.from(binaryValue).toString("base64"),
  ]);

export const attributesFrom = (stored: StoredAttributes): MessageAttributes =>
  Object.fromEntries(
    stored.map(([name, type, stringValue, binary]) => [
      name,
      {
        type,
        ...(stringValue !== null && { stringValue }),
        ...(binary !== null && { binaryValue: Buffer.from(binary, "base64") }),
      },
    ]),
  );
