import { createHash, type KeyObject, randomBytes, sign } from "node:crypto";

/** Tags of the few types of DER (ITU-T X.690) that a certificate of RFC 5280 without extensions is made of. */
const TAG = {
  integer: 0x02,
  bitString: 0x03,
  null: 0x05,
  objectIdentifier: 0x06,
  utf8String: 0x0c,
  utcTime: 0x17,
  generalizedTime: 0x18,
  sequence: 0x30,
  set: 0x31,
} as const;

/** The contents of the object identifiers: commonName, and sha256WithRSAEncryption. */
const COMMON_NAME = Buffer.from("550403", "hex");
const SHA256_WITH_RSA = Buffer.from("2a864886f70d01010b", "hex");
const SERIAL_BYTES = 16;
/** RFC 5280: from then on dates are written with four digits for the year. */
const FOUR_DIGITS_FROM_YEAR = 2050;
const PEM_LINE = /.{1,64}/g;

function der(tag: number, ...contents: readonly Uint8Array[]): Uint8Array {
  const content = Buffer.concat(contents);
  const { byteLength } = content;
  const bytes: number[] = [];
  for (let rest = byteLength; rest > 0; rest >>>= 8) bytes.unshift(rest & 0xff);
  const length = byteLength < 0x80 ? [byteLength] : [0x80 | bytes.length, ...bytes];
  return Buffer.concat([Buffer.from([tag, ...length]), content]);
}

function time(atMs: number): Uint8Array {
  const at = new Date(atMs);
  const digits = `${at.toISOString().replace(/\D/g, "").slice(0, 14)}Z`;
  return at.getUTCFullYear() < FOUR_DIGITS_FROM_YEAR
    ? der(TAG.utcTime, Buffer.from(digits.slice(2)))
    : der(TAG.generalizedTime, Buffer.from(digits));
}

/** A certificate in PEM for an RSA key, signed by that key. Node reads certificates and cannot make them. */
export function selfSignedCertificate(options: {
  readonly commonName: string;
  readonly publicKey: KeyObject;
  readonly privateKey: KeyObject;
  readonly fromMs: number;
  readonly untilMs: number;
}): string {
  const { commonName, publicKey, privateKey, fromMs, untilMs } = options;
  const algorithm = der(TAG.sequence, der(TAG.objectIdentifier, SHA256_WITH_RSA), der(TAG.null));
  const name = der(
    TAG.sequence,
    der(
      TAG.set,
      der(TAG.sequence, der(TAG.objectIdentifier, COMMON_NAME), der(TAG.utf8String, Buffer.from(commonName))),
    ),
  );
  const serial = randomBytes(SERIAL_BYTES);
  // Positive, and without a leading zero.
  serial[0] = ((serial[0] ?? 0) & 0x3f) | 0x40;
  const content = der(
    TAG.sequence,
    der(TAG.integer, serial),
    algorithm,
    name,
    der(TAG.sequence, time(fromMs), time(untilMs)),
    name,
    publicKey.export({ type: "spki", format: "der" }),
  );
  const signature = sign("sha256", content, privateKey);
  // The first byte tells how many bits of the last one are unused.
  const certificate = der(TAG.sequence, content, algorithm, der(TAG.bitString, Buffer.from([0]), signature));
  const lines = Buffer.from(certificate).toString("base64").match(PEM_LINE) ?? [];
  return `-----BEGIN CERTIFICATE-----\n${lines.join("\n")}\n-----END CERTIFICATE-----\n`;
}

/** A name for a certificate: what it is made of, in hexadecimal digits. */
export const certificateId = (pem: string): string =>
  createHash("sha256").update(pem).digest("hex").slice(0, 32);
