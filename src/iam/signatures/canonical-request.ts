import { hash } from "node:crypto";
import { headerText, queryPairs, type SignatureClaim, type SignedRequest } from "./signed-request.ts";

/** Hexadecimal SHA-256. */
export function sha256(data: Uint8Array | string): string {
  return hash("sha256", data);
}

/**
 * The text that a signature is made over, step 1 of "Create a signed AWS API request". `payloadHash` is hexadecimal
 * or one of the words that stand for an unsigned payload.
 */
export function canonicalRequest(request: SignedRequest, claim: SignatureClaim, payloadHash: string): string {
  const mark = request.target.indexOf("?");
  const path = mark < 0 ? request.target : request.target.slice(0, mark);
  const headers = claim.signedHeaders.map((name) => `${name}:${canonicalValue(request, name)}\n`);
  return [
    request.method,
    // AWS: S3 signs the path as it is sent; every other service normalises it and encodes it once more.
    claim.service === "s3" || claim.service === "s3express" ? path : encodedPath(path),
    mark < 0 ? "" : canonicalQuery(request.target),
    headers.join(""),
    claim.signedHeaders.join(";"),
    payloadHash,
  ].join("\n");
}

function canonicalValue(request: SignedRequest, name: string): string {
  return (headerText(request, name) ?? "").trim().replaceAll(/ +/g, " ");
}

function encodedPath(path: string): string {
  if (PLAIN_PATH.test(path)) return path;
  const segments: string[] = [];
  for (const segment of path.split("/")) {
    if (segment === "" || segment === ".") continue;
    if (segment === "..") segments.pop();
    else segments.push(encode(segment));
  }
  return `/${segments.join("/")}${segments.length > 0 && path.endsWith("/") ? "/" : ""}`;
}

/** Nothing to encode, no empty or dotted segment: most paths. */
const PLAIN_PATH = /^\/$|^(?:\/[\w~-][\w.~-]*)+\/?$/;

function canonicalQuery(target: string): string {
  const pairs = queryPairs(target)
    .filter(([name]) => name !== "X-Amz-Signature")
    .map(([name, value]): [string, string] => [encode(decoded(name)), encode(decoded(value))]);
  pairs.sort(([nameA, valueA], [nameB, valueB]) => compare(nameA, nameB) || compare(valueA, valueB));
  return pairs.map(([name, value]) => `${name}=${value}`).join("&");
}

const compare = (left: string, right: string): number => (left < right ? -1 : left > right ? 1 : 0);

/** A text that is not correctly encoded cannot have been signed: it stays as it is and will not match. */
function decoded(text: string): string {
  try {
    return decodeURIComponent(text.replaceAll("+", " "));
  } catch {
    return text;
  }
}

/** As RFC 3986 has it, with every character encoded that is not unreserved. */
function encode(text: string): string {
  return encodeURIComponent(text).replaceAll(
    /[!'()*]/g,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}
