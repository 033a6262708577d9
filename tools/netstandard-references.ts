/**
 * An assembly that is compiled against a runtime's own assemblies names System.Private.CoreLib, which is that runtime's
 * affair. What is taken from there is part of .NET Standard 2.1, so the reference is made one to netstandard.dll, which
 * every runtime from .NET Core 3.0 on has. Tables and heaps keep their places: see ECMA-335, II.22.5 and II.24.2.
 */
const CORE_LIBRARY = "System.Private.CoreLib";
const CORE_LIBRARY_TOKEN = "7cec85d7bea7798e";
const STANDARD = "netstandard";
const STANDARD_TOKEN = "cc7b13ffcd2ddd51";
const STANDARD_VERSION = [2, 1, 0, 0];
const METADATA_SIGNATURE = "BSJB";
const VERSION_BYTES = 8;
const FLAGS_BYTES = 4;

/** Throws when the assembly has no such reference, or anything looks different from what mcs writes. */
export function referToNetstandard(assembly: Buffer): Buffer {
  const changed = Buffer.from(assembly);
  const heaps = heapsOf(changed);
  const name = only(changed, Buffer.from(`\0${CORE_LIBRARY}\0`), heaps.strings) + 1;
  const token = only(changed, Buffer.from(`08${CORE_LIBRARY_TOKEN}`, "hex"), heaps.blobs);
  // Version, flags, public key token, name, culture, hash: indices of two bytes in an assembly as small as this.
  const row = Buffer.alloc(FLAGS_BYTES + 8);
  row.writeUInt16LE(token - heaps.blobs.start, FLAGS_BYTES);
  row.writeUInt16LE(name - heaps.strings.start, FLAGS_BYTES + 2);
  const at = only(changed, row, heaps.tables) - VERSION_BYTES;
  STANDARD_VERSION.forEach((part, index) => {
    changed.writeUInt16LE(part, at + 2 * index);
  });
  changed.fill(0, name, name + CORE_LIBRARY.length);
  changed.write(STANDARD, name, "latin1");
  changed.write(STANDARD_TOKEN, token + 1, "hex");
  return changed;
}

interface Heap {
  readonly start: number;
  readonly end: number;
}

function heapsOf(assembly: Buffer): { strings: Heap; blobs: Heap; tables: Heap } {
  const root = assembly.indexOf(METADATA_SIGNATURE);
  if (root < 0) throw new Error("This is no assembly.");
  const heaps = new Map<string, Heap>();
  const versionLength = assembly.readUInt32LE(root + 12);
  const count = assembly.readUInt16LE(root + 18 + versionLength);
  for (let index = 0, at = root + 20 + versionLength; index < count; index++) {
    const end = assembly.indexOf(0, at + 8);
    const name = assembly.toString("latin1", at + 8, end);
    const start = root + assembly.readUInt32LE(at);
    heaps.set(name, { start, end: start + assembly.readUInt32LE(at + 4) });
    at += 8 + Math.ceil((name.length + 1) / 4) * 4;
  }
  const heap = (name: string): Heap => {
    const found = heaps.get(name);
    if (found === undefined) throw new Error(`The assembly has no ${name}.`);
    return found;
  };
  return { strings: heap("#Strings"), blobs: heap("#Blob"), tables: heap("#~") };
}

/** Where these bytes are, which must be there once. */
function only(assembly: Buffer, bytes: Buffer, { start, end }: Heap): number {
  const part = assembly.subarray(start, end);
  const at = part.indexOf(bytes);
  if (at < 0 || part.indexOf(bytes, at + 1) >= 0)
    throw new Error(`${bytes.toString("hex")} is not there exactly once.`);
  return start + at;
}
