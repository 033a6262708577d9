import type { IncomingHttpHeaders } from "node:http";
import type { Readable } from "node:stream";
import { AwsError } from "../../../core/errors.ts";
import {
  CHECKSUM_ALGORITHMS,
  type ChecksumAlgorithm,
  type Checksums,
} from "../../../core/object-checksums.ts";
import { invalidRequest, notImplemented } from "../../../objects/object-errors.ts";
import { checksumAlgorithm, type IncomingBody } from "../../../objects/received-body.ts";
import type { RequestContext } from "../../protocol/handlers.ts";
import { ClientGone } from "../../protocol/request-body.ts";
import { type ChunkedBody, decodeChunks } from "./aws-chunked.ts";
import { type GivenChecksums, givenChecksums } from "./request-access.ts";

/** AWS: "the maximum size of an object in a single PUT is 5 GB"; as large is a part at most. */
const SIZE_MAX_BYTES = 5 * 1024 * 1024 * 1024;
const HEXADECIMAL_HASH = /^[0-9a-f]{64}$/;
const STREAMING = /^STREAMING-(UNSIGNED-PAYLOAD|AWS4-HMAC-SHA256-PAYLOAD)(-TRAILER)?$/;

interface UploadInput extends GivenChecksums {
  readonly Body?: unknown;
  readonly ContentMD5?: string | undefined;
  readonly ChecksumAlgorithm?: string | undefined;
}

/** The body of an upload as it is to be taken in, whatever form it came in, with all that is said about it. */
export function incomingBody(input: UploadInput, context: RequestContext): IncomingBody {
  const { headers } = context;
  const declared = textOf(headers["x-amz-content-sha256"]);
  const streaming = STREAMING.test(declared ?? "");
  if (declared?.startsWith("STREAMING-") && !streaming)
    throw notImplemented(`x-amz-content-sha256 ${declared}`);
  const isChunked = streaming || isAwsChunked(headers);
  if (!isChunked && headers["content-length"] === undefined && headers["transfer-encoding"] === undefined)
    throw new AwsError("MissingContentLength", "You must provide the Content-Length HTTP header.", 411);
  const raw = received(input.Body as Readable);
  const chunked: ChunkedBody | undefined = isChunked
    ? decodeChunks(raw, { declaredBytes: decodedLength(headers), chunkSignatures: context.chunkSignatures })
    : undefined;
  const given = givenChecksums(input);
  const trailer = textOf(headers["x-amz-trailer"])?.toLowerCase();
  return {
    content: chunked?.content ?? raw,
    checksums: () => ({ ...given, ...trailingChecksums(chunked, trailer) }),
    algorithms: announced(input, given, trailer),
    md5: checkedMd5(input.ContentMD5),
    sha256: declared !== undefined && HEXADECIMAL_HASH.test(declared) ? declared : undefined,
    sizeMaxBytes: SIZE_MAX_BYTES,
  };
}

/** Content-Encoding without the wrapping that is for the way alone; undefined when nothing is left. */
export function storedEncoding(encoding: string | undefined): string | undefined {
  const rest = encoding
    ?.split(",")
    .map((part) => part.trim())
    .filter((part) => part !== "" && part !== "aws-chunked")
    .join(",");
  return rest === "" ? undefined : rest;
}

/** A body that a client stops sending is nobody's error here; what is not read is let through, so that it reads the refusal. */
async function* received(body: Readable): AsyncGenerator<Uint8Array> {
  let isWhole = false;
  try {
    for await (const chunk of body.iterator({ destroyOnReturn: false })) yield chunk as Uint8Array;
    isWhole = true;
  } catch (error) {
    if (body.destroyed || body.errored) throw new ClientGone("The client closed the connection");
    throw error;
  } finally {
    if (!isWhole && !body.destroyed) body.resume();
  }
}

const isAwsChunked = (headers: IncomingHttpHeaders): boolean =>
  headers["content-encoding"]?.split(",").some((part) => part.trim() === "aws-chunked") === true;

function decodedLength(headers: IncomingHttpHeaders): number | undefined {
  const text = textOf(headers["x-amz-decoded-content-length"]);
  if (text === undefined) return undefined;
  if (!/^\d+$/.test(text)) throw invalidRequest("The x-amz-decoded-content-length header is not valid.");
  return Number(text);
}

function announced(
  { ChecksumAlgorithm: named }: UploadInput,
  given: Checksums,
  trailer: string | undefined,
): ChecksumAlgorithm[] {
  const algorithms = new Set(Object.keys(given) as ChecksumAlgorithm[]);
  if (algorithms.size > 1)
    throw invalidRequest(
      "Expecting a single x-amz-checksum- header. Multiple checksum Types are not allowed.",
    );
  const ofTrailer = /^x-amz-checksum-(.+)$/.exec(trailer ?? "")?.[1];
  if (ofTrailer !== undefined) algorithms.add(checksumAlgorithm(ofTrailer));
  // AWS: an algorithm without a value is computed here.
  if (named !== undefined && algorithms.size === 0) algorithms.add(checksumAlgorithm(named));
  return [...algorithms];
}

function trailingChecksums(
  chunked: ChunkedBody | undefined,
  announcedTrailer: string | undefined,
): Checksums {
  if (chunked === undefined || announcedTrailer === undefined) return {};
  const value = chunked.trailers.get(announcedTrailer);
  if (value === undefined)
    throw new AwsError(
      "MalformedTrailerError",
      "The request contained trailing data that was not well-formed or did not conform to our published schema.",
      400,
    );
  const algorithm = CHECKSUM_ALGORITHMS.find(
    (name) => announcedTrailer === `x-amz-checksum-${name.toLowerCase()}`,
  );
  return algorithm === undefined ? {} : { [algorithm]: value };
}

function checkedMd5(md5: string | undefined): string | undefined {
  if (md5 !== undefined && Buffer.from(md5, "base64").length !== 16)
    throw new AwsError("InvalidDigest", "The Content-MD5 you specified was invalid.", 400);
  return md5;
}

const textOf = (value: string | readonly string[] | undefined): string | undefined =>
  typeof value === "string" ? value : value?.[0];
