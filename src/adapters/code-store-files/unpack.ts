import { createWriteStream } from "node:fs";
import { chmod, mkdir, open, symlink } from "node:fs/promises";
import { join } from "node:path";
import { Readable, Transform } from "node:stream";
import { pipeline } from "node:stream/promises";
import { promisify } from "node:util";
import zlib from "node:zlib";
import { type PackageEntry, readPackageEntries } from "./package-entries.ts";
import type { PackageLayout } from "./package-layout.ts";
import { RefusedPackage } from "./refusals.ts";

const inflateRaw = promisify<Uint8Array, zlib.ZlibOptions, Buffer>(zlib.inflateRaw);

/** Larger files are streamed, so that a package never stands unpacked in memory. */
const WHOLE_FILE_BYTES_MAX = 1 << 20;
const STREAM_CHUNK_BYTES = 1 << 16;
/** Files under way at the same time: as many as the thread pool has threads. */
const PARALLEL = 4;
const DIRECTORY_MODE = 0o755;

/**
 * Unpacks a zip into the empty directory `target` and checks every byte on the way: sizes, checksums, names, links.
 * Files become readable by everybody, as the unprivileged user of a sandbox needs, and writable for nobody else than their owner,
 * who is none of a sandbox's users: what a function copies to /tmp has the mode that it has here, and is written to there. Throws AWS's errors, leaving `target` half full: the caller removes it.
 *
 * @returns the unpacked size in bytes.
 */
export async function unpack(zip: Buffer, target: string): Promise<number> {
  const { layout, entries, unzippedBytes } = await readPackageEntries(zip);
  for (const path of layout.directories()) await makeDirectory(join(target, path));
  await unpackEntries(entries, layout, target);
  layout.checkLinks();
  // Last: no file can be written through a link.
  for (const [path, linkTarget] of layout.links()) await symlink(linkTarget, join(target, path));
  return unzippedBytes;
}

async function unpackEntries(
  entries: readonly PackageEntry[],
  layout: PackageLayout,
  target: string,
): Promise<void> {
  const remaining = entries.values();
  const worker = async (): Promise<void> => {
    for (const entry of remaining) {
      if (entry.kind === "link") {
        layout.setLinkTarget(entry.path, (await readWhole(entry)).toString());
      } else if (entry.sizeBytes <= WHOLE_FILE_BYTES_MAX) {
        await writeWhole(await readWhole(entry), join(target, entry.path), modeOf(entry));
      } else {
        await writeStreaming(entry, join(target, entry.path));
      }
    }
  };
  const outcomes = await Promise.allSettled(Array.from({ length: PARALLEL }, worker));
  for (const outcome of outcomes) if (outcome.status === "rejected") throw outcome.reason;
}

/** Inflates in memory; never more than the size the table of contents gives. */
async function readWhole(entry: PackageEntry): Promise<Buffer> {
  const contents = entry.deflated
    ? await inflateRaw(entry.compressed, { maxOutputLength: Math.max(1, entry.sizeBytes) }).catch(
        (error: unknown) => {
          throw damaged(entry, error);
        },
      )
    : Buffer.from(entry.compressed.buffer, entry.compressed.byteOffset, entry.compressed.byteLength);
  if (contents.byteLength !== entry.sizeBytes)
    throw new RefusedPackage(`"${entry.path}" lies about its size`);
  if (zlib.crc32(contents) !== entry.crc32) throw new RefusedPackage(`"${entry.path}" has a wrong checksum`);
  return contents;
}

async function writeWhole(contents: Uint8Array, path: string, mode: number): Promise<void> {
  const file = await open(path, "wx", mode);
  try {
    await file.writeFile(contents);
    if (umaskHides(mode)) await file.chmod(mode);
  } finally {
    await file.close();
  }
}

async function writeStreaming(entry: PackageEntry, path: string): Promise<void> {
  const mode = modeOf(entry);
  let sizeBytes = 0;
  let checksum = 0;
  const check = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      sizeBytes += chunk.byteLength;
      checksum = zlib.crc32(chunk, checksum);
      if (sizeBytes > entry.sizeBytes) done(new RefusedPackage(`"${entry.path}" lies about its size`));
      else done(null, chunk);
    },
  });
  const source = Readable.from(slicesOf(entry.compressed));
  const sink = createWriteStream(path, { flags: "wx", mode });
  try {
    if (entry.deflated) await pipeline(source, zlib.createInflateRaw(), check, sink);
    else await pipeline(source, check, sink);
  } catch (error) {
    throw isZlibError(error) ? damaged(entry, error) : error;
  }
  if (sizeBytes !== entry.sizeBytes) throw new RefusedPackage(`"${entry.path}" lies about its size`);
  if (checksum !== entry.crc32) throw new RefusedPackage(`"${entry.path}" has a wrong checksum`);
  if (umaskHides(mode)) await chmod(path, mode);
}

function* slicesOf(bytes: Uint8Array): IterableIterator<Uint8Array> {
  for (let start = 0; start < bytes.byteLength; start += STREAM_CHUNK_BYTES) {
    yield bytes.subarray(start, start + STREAM_CHUNK_BYTES);
  }
}

/** A directory that everybody may read, whatever the umask. */
export async function makeDirectory(path: string): Promise<void> {
  await mkdir(path, { mode: DIRECTORY_MODE });
  if (umaskHides(DIRECTORY_MODE)) await chmod(path, DIRECTORY_MODE);
}

/** As the package says, as far as it may be. */
const modeOf = ({ executable, writable }: PackageEntry): number =>
  0o444 | (executable ? 0o111 : 0) | (writable ? 0o200 : 0);

const umaskHides = (mode: number): boolean => (process.umask() & mode) !== 0;

const isZlibError = (error: unknown): boolean =>
  error instanceof Error && "code" in error && String(error.code).startsWith("Z_");

function damaged(entry: PackageEntry, error: unknown): RefusedPackage {
  return new RefusedPackage(`"${entry.path}": ${error instanceof Error ? error.message : String(error)}`);
}
