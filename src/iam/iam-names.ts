import { createHash, randomBytes } from "node:crypto";

const ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

/** A text of AWS's id alphabet made from bytes, one character per byte. */
export function identifierFromBytes(prefix: string, bytes: Uint8Array): string {
  let text: string = prefix;
  for (const byte of bytes) text += ALPHABET[byte & 31];
  return text;
}

/** What an id begins with, and what it is of: role, user, group, managed policy, temporary key, long-term key. */
export type IdentifierPrefix = "AROA" | "AIDA" | "AGPA" | "ANPA" | "ASIA" | "AKIA";

/** A fresh id of AWS's form; those of keys have one character less. */
export function newIdentifier(prefix: IdentifierPrefix): string {
  return identifierFromBytes(prefix, randomBytes(prefix === "ASIA" || prefix === "AKIA" ? 16 : 17));
}

/** A fresh secret access key: 40 characters, as AWS's. */
export function newSecretAccessKey(): string {
  return randomBytes(30).toString("base64");
}

/** An id that is the same for the same name in every process. */
export function derivedIdentifier(prefix: "AROA" | "ANPA", name: string): string {
  return identifierFromBytes(prefix, createHash("sha256").update(name).digest().subarray(0, 17));
}
