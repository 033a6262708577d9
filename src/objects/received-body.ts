import { AwsError } from "../core/errors.ts";
import {
  CHECKSUM_ALGORITHMS,
  type ChecksumAlgorithm,
  type Checksums,
  isChecksumAlgorithm,
} from "../core/object-checksums.ts";
import type { ObjectBodies, WrittenBody } from "../ports/object-bodies.ts";
import { badDigest, invalidRequest } from "./object-errors.ts";

/** A body on its way in, with what its sender says about it. */
export interface IncomingBody {
  readonly content: AsyncIterable<Uint8Array>;
  /** Known when the content has come to its end: trailers may hold some. Base64. */
  readonly checksums: () => Checksums;
  /** Announced by the sender, or what is to be computed for it. */
  readonly algorithms: readonly ChecksumAlgorithm[];
  /** Base64. */
  readonly md5: string | undefined;
  /** Hexadecimal. */
  readonly sha256: string | undefined;
  readonly sizeMaxBytes: number;
}

const DEFAULT_ALGORITHM: ChecksumAlgorithm = "CRC64NVME";

/** Writes a body and compares it with everything that was said about it. Throws BadDigest and its like. */
export function receiveBody(
  bodies: ObjectBodies,
  bucketId: string,
  incoming: IncomingBody,
): Promise<WrittenBody> {
  const { content, md5, sha256, algorithms, sizeMaxBytes } = incoming;
  return bodies.write({
    bucketId,
    content: limited(content, sizeMaxBytes),
    // AWS: an object without a checksum of its sender's gets one.
    algorithms: algorithms.length > 0 ? algorithms : [DEFAULT_ALGORITHM],
    wantsSha256: sha256 !== undefined,
    check: (body) => {
      if (md5 !== undefined && Buffer.from(body.md5).toString("base64") !== md5)
        throw badDigest("Content-MD5");
      if (sha256 !== undefined && body.sha256 !== sha256) throw payloadMismatch();
      checkChecksums(body.checksums, incoming.checksums());
    },
  });
}

function checkChecksums(computed: Checksums, given: Checksums): void {
  for (const algorithm of CHECKSUM_ALGORITHMS) {
    const value = given[algorithm];
    if (value !== undefined && value !== computed[algorithm]) throw badDigest(algorithm);
  }
}

const payloadMismatch = (): AwsError =>
  new AwsError(
    "XAmzContentSHA256Mismatch",
    "The provided 'x-amz-content-sha256' header does not match what was computed.",
    400,
  );

async function* limited(content: AsyncIterable<Uint8Array>, maxBytes: number): AsyncIterable<Uint8Array> {
  let bytes = 0;
  for await (const chunk of content) {
    bytes += chunk.byteLength;
    if (bytes > maxBytes)
      throw new AwsError("EntityTooLarge", "Your proposed upload exceeds the maximum allowed size", 400, {
        MaxSizeAllowed: maxBytes,
      });
    yield chunk;
  }
}

/** Throws for the name of an algorithm that there is not. */
export function checksumAlgorithm(name: string): ChecksumAlgorithm {
  const upper = name.toUpperCase();
  if (isChecksumAlgorithm(upper)) return upper;
  throw invalidRequest(
    `Checksum algorithm provided is unsupported. Please try again with any of the valid types: [${CHECKSUM_ALGORITHMS.join(", ")}]`,
  );
}
