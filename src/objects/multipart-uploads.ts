import { createHash } from "node:crypto";
import { type CrcName, combineCrc, createCrc } from "../core/crc.ts";
import { AwsError } from "../core/errors.ts";
import {
  CHECKSUM_ALGORITHMS,
  type ChecksumAlgorithm,
  type Checksums,
  type ChecksumType,
} from "../core/object-checksums.ts";
import type { Bucket } from "./bucket.ts";
import type { Conditions } from "./conditions.ts";
import type { RequestInfo } from "./event-records.ts";
import { KeyLock } from "./key-lock.ts";
import type { MultipartUpload, UploadedPart } from "./multipart-upload.ts";
import { badDigest, invalidRequest, noSuchBucket, noSuchUpload } from "./object-errors.ts";
import type { ObjectContent, ObjectDescription, StoredObject } from "./object-version.ts";
import type { ObjectWrites, WriteParts } from "./object-writes.ts";
import { type IncomingBody, receiveBody } from "./received-body.ts";

/** AWS: every part but the last has at least 5 MiB. */
const PART_BYTES_MIN = 5 * 1024 * 1024;

/** A part as the completing request names it. */
export interface NamedPart {
  readonly number: number;
  /** Without quotation marks. */
  readonly etag: string;
  readonly checksums: Checksums;
}

export interface Completion {
  readonly key: string;
  readonly uploadId: string;
  readonly parts: readonly NamedPart[];
  readonly checksums: Checksums;
  readonly sizeBytes: number | undefined;
  readonly conditions: Conditions;
  readonly request: RequestInfo;
}

/** Uploads in parts: what came with each stays a file of its own, also in the object that they become. */
export class MultipartUploads {
  readonly #parts: WriteParts;
  readonly #writes: ObjectWrites;
  readonly #locks = new KeyLock();

  constructor(parts: WriteParts, writes: ObjectWrites) {
    this.#parts = parts;
    this.#writes = writes;
  }

  async create(
    bucket: Bucket,
    upload: {
      readonly key: string;
      readonly account: string;
      readonly description: ObjectDescription;
      readonly checksumAlgorithm: ChecksumAlgorithm | undefined;
      readonly checksumType: ChecksumType | undefined;
    },
  ): Promise<MultipartUpload> {
    const { newId, clock, buckets } = this.#parts;
    const created = {
      ...upload,
      checksumType: checksumTypeOf(upload),
      uploadId: newId(),
      initiatedMs: clock.nowMs(),
    };
    await (await buckets.contents(bucket)).putUpload(created);
    return { ...created, parts: new Map() };
  }

  /** Throws NoSuchUpload. */
  async get(bucket: Bucket, key: string, uploadId: string): Promise<MultipartUpload> {
    const upload = (await this.#parts.buckets.contents(bucket)).uploads.get(uploadId);
    if (upload?.key !== key) throw noSuchUpload(uploadId);
    return upload;
  }

  async list(bucket: Bucket): Promise<MultipartUpload[]> {
    return [...(await this.#parts.buckets.contents(bucket)).uploads.values()];
  }

  async putPart(
    bucket: Bucket,
    part: { readonly key: string; readonly uploadId: string; readonly number: number },
    incoming: IncomingBody,
  ): Promise<UploadedPart> {
    const { bodies, clock } = this.#parts;
    const { key, uploadId, number } = part;
    const { checksumAlgorithm } = await this.get(bucket, key, uploadId);
    const algorithms =
      incoming.algorithms.length > 0 ? incoming.algorithms : [checksumAlgorithm ?? "CRC64NVME"];
    if (checksumAlgorithm !== undefined && !algorithms.includes(checksumAlgorithm))
      throw invalidRequest(
        `Checksum Type mismatch occurred, expected checksum Type: ${checksumAlgorithm.toLowerCase()}, actual checksum Type: ${algorithms[0]?.toLowerCase()}`,
      );
    const body = await receiveBody(bodies, bucket.id, { ...incoming, algorithms });
    const uploaded: UploadedPart = {
      number,
      id: body.id,
      sizeBytes: body.sizeBytes,
      etag: Buffer.from(body.md5).toString("hex"),
      checksums: body.checksums,
      modifiedMs: clock.nowMs(),
    };
    await this.#locks.run(uploadId, async () => {
      const contents = await this.#parts.buckets.contents(bucket);
      const upload = contents.uploads.get(uploadId);
      if (upload === undefined || contents.isGone) {
        await bodies.remove(bucket.id, [body.id]);
        throw contents.isGone ? noSuchBucket(bucket.name) : noSuchUpload(uploadId);
      }
      const replaced = upload.parts.get(number);
      await contents.putPart(uploadId, uploaded);
      if (replaced) await bodies.remove(bucket.id, [replaced.id]);
    });
    return uploaded;
  }

  /** Makes the parts an object. Once more for the same upload gives the same object. */
  complete(bucket: Bucket, completion: Completion): Promise<StoredObject> {
    const { key, uploadId, conditions, request } = completion;
    return this.#locks.run(uploadId, async () => {
      const contents = await this.#parts.buckets.contents(bucket);
      const made = contents.versions
        .get(key)
        ?.find(
          (version): version is StoredObject => !version.isDeleteMarker && version.uploadId === uploadId,
        );
      if (made) return made;
      const upload = await this.get(bucket, key, uploadId);
      const parts = chosenParts(upload, completion.parts);
      const content = contentOf(upload, parts);
      checkCompletion(content, completion);
      const { account, description } = upload;
      const eventName = "ObjectCreated:CompleteMultipartUpload";
      const object = await this.#writes.store(bucket, {
        key,
        account,
        description,
        content,
        conditions,
        eventName,
        request,
        keepsBodies: true,
      });
      const used = new Set(parts.map(({ id }) => id));
      const unused = [...upload.parts.values()].map(({ id }) => id).filter((id) => !used.has(id));
      await contents.forgetUpload(uploadId);
      await this.#parts.bodies.remove(bucket.id, unused);
      return object;
    });
  }

  abort(bucket: Bucket, key: string, uploadId: string): Promise<void> {
    return this.#locks.run(uploadId, async () => {
      const upload = await this.get(bucket, key, uploadId);
      await (await this.#parts.buckets.contents(bucket)).forgetUpload(uploadId);
      await this.#parts.bodies.remove(
        bucket.id,
        [...upload.parts.values()].map(({ id }) => id),
      );
    });
  }
}

/** AWS: CRC64NVME is always of the whole object, SHA always of the parts' checksums; the others as asked for. */
function checksumTypeOf(upload: {
  readonly checksumAlgorithm: ChecksumAlgorithm | undefined;
  readonly checksumType: ChecksumType | undefined;
}): ChecksumType | undefined {
  const { checksumAlgorithm: algorithm, checksumType: type } = upload;
  if (algorithm === undefined) {
    if (type !== undefined)
      throw invalidRequest(
        "The x-amz-checksum-type header can only be used with the x-amz-checksum-algorithm header.",
      );
    return undefined;
  }
  const isSha = algorithm.startsWith("SHA");
  if ((algorithm === "CRC64NVME" && type === "COMPOSITE") || (isSha && type === "FULL_OBJECT"))
    throw invalidRequest(
      `The ${type} checksum type cannot be used with the ${algorithm.toLowerCase()} checksum algorithm.`,
    );
  return type ?? (algorithm === "CRC64NVME" ? "FULL_OBJECT" : "COMPOSITE");
}

const invalidPart = (): AwsError =>
  new AwsError(
    "InvalidPart",
    "One or more of the specified parts could not be found.  The part may not have been uploaded, or the specified entity tag may not match the part's entity tag.",
    400,
  );

function chosenParts(upload: MultipartUpload, named: readonly NamedPart[]): UploadedPart[] {
  if (named.length === 0) throw new AwsError("InvalidRequest", "You must specify at least one part", 400);
  if (named.some(({ number }, index) => number <= (named[index - 1]?.number ?? 0)))
    throw new AwsError(
      "InvalidPartOrder",
      "The list of parts was not in ascending order. Parts must be ordered by part number.",
      400,
      { UploadId: upload.uploadId },
    );
  return named.map(({ number, etag, checksums }, index) => {
    const part = upload.parts.get(number);
    if (part === undefined || part.etag !== etag) throw invalidPart();
    for (const algorithm of CHECKSUM_ALGORITHMS)
      if (checksums[algorithm] !== undefined && checksums[algorithm] !== part.checksums[algorithm])
        throw invalidPart();
    if (part.sizeBytes < PART_BYTES_MIN && index < named.length - 1)
      throw new AwsError(
        "EntityTooSmall",
        "Your proposed upload is smaller than the minimum allowed size",
        400,
        { ProposedSize: part.sizeBytes, MinSizeAllowed: PART_BYTES_MIN, PartNumber: number, ETag: etag },
      );
    return part;
  });
}

function contentOf(upload: MultipartUpload, parts: readonly UploadedPart[]): ObjectContent {
  const { uploadId, checksumAlgorithm } = upload;
  const md5 = createHash("md5");
  for (const { etag } of parts) md5.update(Buffer.from(etag, "hex"));
  // AWS: an upload without an algorithm gets a CRC64NVME of the whole.
  const algorithm = checksumAlgorithm ?? "CRC64NVME";
  const type = upload.checksumType ?? "FULL_OBJECT";
  const checksum = parts.every(({ checksums }) => checksums[algorithm] !== undefined)
    ? checksumOf(algorithm, type, parts)
    : undefined;
  return {
    sizeBytes: parts.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0),
    etag: `${md5.digest("hex")}-${parts.length}`,
    parts: parts.map(({ id, sizeBytes, number, checksums }) => ({
      id,
      sizeBytes,
      number,
      ...(checksumAlgorithm !== undefined && { checksum: checksums[checksumAlgorithm] }),
    })),
    checksums: checksum === undefined ? {} : { [algorithm]: checksum },
    checksumType: checksum === undefined ? undefined : type,
    uploadId,
  };
}

function checksumOf(
  algorithm: ChecksumAlgorithm,
  type: ChecksumType,
  parts: readonly UploadedPart[],
): string {
  const pieces = parts.map(({ checksums, sizeBytes }) => ({
    bytes: Buffer.from(checksums[algorithm] ?? "", "base64"),
    sizeBytes,
  }));
  if (type === "FULL_OBJECT") {
    const whole = pieces.reduce((one, next) => ({
      bytes: Buffer.from(combineCrc(algorithm as CrcName, one.bytes, next.bytes, next.sizeBytes)),
      sizeBytes: one.sizeBytes + next.sizeBytes,
    }));
    return whole.bytes.toString("base64");
  }
  const joined = Buffer.concat(pieces.map(({ bytes }) => bytes));
  return `${digestOfChecksums(algorithm, joined).toString("base64")}-${parts.length}`;
}

function digestOfChecksums(algorithm: ChecksumAlgorithm, bytes: Uint8Array): Buffer {
  if (algorithm === "SHA1" || algorithm === "SHA256")
    return createHash(algorithm.toLowerCase()).update(bytes).digest();
  const crc = createCrc(algorithm);
  crc.update(bytes);
  return Buffer.from(crc.digest());
}

function checkCompletion(content: ObjectContent, { checksums, sizeBytes }: Completion): void {
  for (const algorithm of CHECKSUM_ALGORITHMS) {
    const given = checksums[algorithm];
    const known = content.checksums[algorithm];
    if (given !== undefined && given !== known && given !== known?.replace(/-\d+$/, ""))
      throw badDigest(algorithm);
  }
  if (sizeBytes !== undefined && sizeBytes !== content.sizeBytes)
    throw invalidRequest(
      `The provided 'x-amz-mp-object-size' header value ${sizeBytes} does not match what was computed: ${content.sizeBytes}`,
    );
}
