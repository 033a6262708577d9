import { AwsError } from "../core/errors.ts";
import type { ObjectBodies } from "../ports/object-bodies.ts";
import type { BodyPart, StoredObject } from "./object-version.ts";

/** Bytes `start` to `end` of an object, both included. */
export interface ByteRange {
  readonly start: number;
  readonly end: number;
}

/**
 * What a Range header asks for; undefined where it asks for the whole, or for something that S3 leaves aside: several
 * ranges, other units. Throws InvalidRange where there is nothing in the range.
 */
export function readRange(header: string | undefined, sizeBytes: number): ByteRange | undefined {
  const [, first, last] = /^bytes=(\d*)-(\d*)$/.exec(header?.trim() ?? "") ?? [];
  if (!first && !last) return undefined;
  const given = first ? Number(first) : Math.max(0, sizeBytes - Number(last));
  // The last bytes of an object are none where none are asked for.
  const start = !first && Number(last) === 0 ? sizeBytes : given;
  const end = first && last ? Math.min(Number(last), sizeBytes - 1) : sizeBytes - 1;
  if (first && last && Number(last) < Number(first)) return undefined;
  if (start >= sizeBytes)
    throw new AwsError("InvalidRange", "The requested range is not satisfiable", 416, {
      RangeRequested: header,
      ActualObjectSize: sizeBytes,
    });
  return { start, end };
}

/** The bytes of one part of an object by its number; the first part of an object that has none is the whole. */
export function rangeOfPart({ parts, sizeBytes }: StoredObject, number: number): ByteRange {
  let start = 0;
  for (const [index, part] of parts.entries()) {
    if ((part.number ?? index + 1) === number) return { start, end: start + part.sizeBytes - 1 };
    start += part.sizeBytes;
  }
  if (number === 1 && parts.length === 0) return { start: 0, end: sizeBytes - 1 };
  throw new AwsError("InvalidPartNumber", "The requested partnumber is not satisfiable", 416, {
    ActualPartCount: parts.length,
    PartNumberRequested: number,
  });
}

/** Reads a range of an object, one file after another. The first one is opened before anything is answered. */
export async function readObject(
  bodies: ObjectBodies,
  bucketId: string,
  { parts, range }: { readonly parts: readonly BodyPart[]; readonly range: ByteRange },
): Promise<AsyncIterable<Uint8Array>> {
  const slices: { id: string; start: number; end: number }[] = [];
  let offset = 0;
  for (const { id, sizeBytes } of parts) {
    const start = Math.max(range.start - offset, 0);
    const end = Math.min(range.end - offset, sizeBytes - 1);
    if (start <= end) slices.push({ id, start, end });
    offset += sizeBytes;
  }
  const [first, ...rest] = slices;
  if (first === undefined) return none();
  const opened = await bodies.read(bucketId, first.id, first);
  if (rest.length === 0) return opened;
  return (async function* () {
    yield* opened as AsyncIterable<Uint8Array>;
    for (const slice of rest)
      yield* (await bodies.read(bucketId, slice.id, slice)) as AsyncIterable<Uint8Array>;
  })();
}

async function* none(): AsyncIterable<Uint8Array> {}
