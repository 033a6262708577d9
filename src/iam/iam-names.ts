import { createHash, randomBytes } from "node:crypto";

const ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

/** A text of AWS's id alphabet made from bytes, one character per byte. */
export function identifierFromBytes(prefix: string, bytes: Uint8Array): string {
  return prefix + Array.from(bytes, (byte) => ALPHABET[byte & 31]).join("");
}

/** A fresh id of AWS's form: "AROA" for roles, "ANPA" for managed policies, "ASIA" for temporary keys. */
export function newIdentifier(prefix: "AROA" | "ANPA" | "ASIA"): string {
  return identifierFromBytes(prefix, randomBytes(prefix === "ASIA" ? 16 : 17));
}

/** An id that is the same for the same name in every process. */
export function derivedIdentifier(prefix: "AROA" | "ANPA", name: string): string {
  return identifierFromBytes(prefix, createHash("sha256").update(name).digest().subarray(0, 17));
}
