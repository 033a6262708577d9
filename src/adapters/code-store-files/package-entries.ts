import yauzl, { type Entry, type ZipFile } from "yauzl";
import { FUNCTION_LIMITS } from "../../core/function-limits.ts";
import { type NodeKind, PackageLayout } from "./package-layout.ts";
import { emptyPackage, RefusedPackage, unzippedTooLarge } from "./refusals.ts";

/** One file or link of a package, before it is read. */
export interface PackageEntry {
  readonly path: string;
  readonly kind: Exclude<NodeKind, "directory">;
  readonly executable: boolean;
  /** For its owner. */
  readonly writable: boolean;
  /** As stored in the zip. */
  readonly compressed: Uint8Array;
  readonly deflated: boolean;
  readonly sizeBytes: number;
  readonly crc32: number;
}

export interface PackageContents {
  readonly layout: PackageLayout;
  readonly entries: readonly PackageEntry[];
  readonly unzippedBytes: number;
}

const STORED = 0;
const DEFLATED = 8;
/** Hosts whose external attributes hold a Unix mode: Unix and macOS. */
const UNIX_HOSTS: ReadonlySet<number> = new Set([3, 19]);
const MODE_KIND = 0o170000;
const MODE_DIRECTORY = 0o040000;
const MODE_FILE = 0o100000;
const MODE_LINK = 0o120000;
const LINK_TARGET_BYTES_MAX = 4096;
/** After so many entries other work gets its turn. */
const ENTRIES_PER_TURN = 500;

/**
 * Reads a zip's table of contents and checks all that can be known from it: names, kinds, sizes, methods. Throws
 * AWS's errors. The contents themselves are not looked at.
 */
export async function readPackageEntries(zip: Buffer): Promise<PackageContents> {
  const file = await openZip(zip);
  if (file.entryCount > FUNCTION_LIMITS.zipEntriesMax) {
    throw new RefusedPackage(`${file.entryCount} entries`);
  }
  const layout = new PackageLayout();
  const entries: PackageEntry[] = [];
  let unzippedBytes = 0;
  let seen = 0;
  for await (const entry of entriesOf(file)) {
    const kind = kindOf(entry);
    const path = layout.claim(entry.fileName, kind);
    unzippedBytes += entry.uncompressedSize;
    if (unzippedBytes > FUNCTION_LIMITS.unzippedBytesMax) throw unzippedTooLarge();
    if (kind !== "directory") entries.push(await locate(file, zip, { entry, path, kind }));
    if (++seen % ENTRIES_PER_TURN === 0) await new Promise((resolve) => setImmediate(resolve));
  }
  if (entries.length === 0) throw emptyPackage();
  return { layout, entries, unzippedBytes };
}

async function openZip(zip: Buffer): Promise<ZipFile> {
  try {
    return await yauzl.fromBufferPromise(zip, { lazyEntries: true, strictFileNames: true });
  } catch (error) {
    throw refused(error);
  }
}

/** The entries; yauzl's own complaints become refusals. */
async function* entriesOf(file: ZipFile): AsyncIterableIterator<Entry> {
  const entries = file.eachEntry();
  for (;;) {
    const next = await entries.next().catch((error: unknown) => {
      throw refused(error);
    });
    if (next.done === true) return;
    yield next.value;
  }
}

async function locate(
  file: ZipFile,
  zip: Buffer,
  found: { readonly entry: Entry; readonly path: string; readonly kind: PackageEntry["kind"] },
): Promise<PackageEntry> {
  const { entry, path, kind } = found;
  const mode = unixMode(entry);
  if (entry.isEncrypted()) throw new RefusedPackage(`"${path}" is encrypted`);
  const { compressionMethod, compressedSize, uncompressedSize } = entry;
  if (compressionMethod !== STORED && compressionMethod !== DEFLATED) {
    throw new RefusedPackage(`"${path}" is compressed by method ${compressionMethod}`);
  }
  if (compressionMethod === STORED && compressedSize !== uncompressedSize) {
    throw new RefusedPackage(`"${path}" lies about its size`);
  }
  if (kind === "link" && uncompressedSize > LINK_TARGET_BYTES_MAX) {
    throw new RefusedPackage(`the link "${path}" has a long target`);
  }
  try {
    const { fileDataStart } = await file.readLocalFileHeaderPromise(entry, { minimal: true });
    return {
      path,
      kind,
      executable: (mode & 0o111) !== 0,
      // Writers that know no Unix modes leave them out.
      writable: (mode & 0o777) === 0 || (mode & 0o200) !== 0,
      compressed: zip.subarray(fileDataStart, fileDataStart + compressedSize),
      deflated: compressionMethod === DEFLATED,
      sizeBytes: uncompressedSize,
      crc32: entry.crc32,
    };
  } catch (error) {
    throw refused(error);
  }
}

/** Files, directories and links; devices, pipes and sockets are refused. */
function kindOf(entry: Entry): NodeKind {
  const isDirectoryName = entry.fileName.endsWith("/");
  switch (unixMode(entry) & MODE_KIND) {
    case MODE_DIRECTORY:
      return "directory";
    case MODE_LINK:
      return "link";
    // Many writers leave the kind out.
    case MODE_FILE:
    case 0:
      return isDirectoryName ? "directory" : "file";
    default:
      throw new RefusedPackage(`"${entry.fileName}" is neither file nor directory`);
  }
}

function unixMode({ versionMadeBy, externalFileAttributes }: Entry): number {
  return UNIX_HOSTS.has(versionMadeBy >>> 8) ? externalFileAttributes >>> 16 : 0;
}

const refused = (error: unknown): RefusedPackage =>
  error instanceof RefusedPackage
    ? error
    : new RefusedPackage(error instanceof Error ? error.message : String(error));
