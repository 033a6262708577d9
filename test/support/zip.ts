import { crc32, deflateRawSync } from "node:zlib";
import yazl from "yazl";

export interface ZipFileOptions {
  /** Unix mode with the kind of file; 0o100644 when left out. */
  readonly mode?: number;
}

/** A well-formed zip with fixed times, so that the same files give the same bytes. */
export async function zipOf(
  files: Readonly<Record<string, string | Uint8Array>>,
  options: ZipFileOptions = {},
): Promise<Buffer> {
  const zip = new yazl.ZipFile();
  for (const [name, contents] of Object.entries(files)) {
    zip.addBuffer(Buffer.from(contents), name, { mtime: new Date(0), mode: options.mode ?? 0o100644 });
  }
  zip.end();
  const chunks: Buffer[] = [];
  for await (const chunk of zip.outputStream) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}

/** One entry of a zip written byte by byte; whatever is given here is written, true or not. */
export interface RawEntry {
  readonly name: string;
  readonly contents?: string | Uint8Array;
  readonly mode?: number;
  readonly flags?: number;
  readonly method?: number;
  readonly crc32?: number;
  readonly sizeBytes?: number;
  readonly compressedBytes?: number;
}

/** Writes zips that no honest program writes. */
export function rawZip(entries: readonly RawEntry[], claimedCount = entries.length): Buffer {
  const locals: Buffer[] = [];
  const centrals: Buffer[] = [];
  let offset = 0;
  for (const entry of entries) {
    const contents = Buffer.from(entry.contents ?? "");
    const method = entry.method ?? 8;
    const data = method === 8 ? deflateRawSync(contents) : contents;
    const name = Buffer.from(entry.name);
    const fields = Buffer.alloc(26);
    fields.writeUInt16LE(20, 0);
    fields.writeUInt16LE(entry.flags ?? 0x0800, 2);
    fields.writeUInt16LE(method, 4);
    fields.writeUInt32LE(entry.crc32 ?? crc32(contents), 10);
    fields.writeUInt32LE(entry.compressedBytes ?? data.byteLength, 14);
    fields.writeUInt32LE(entry.sizeBytes ?? contents.byteLength, 18);
    fields.writeUInt16LE(name.byteLength, 22);
    const local = Buffer.concat([Buffer.from("PK\u0003\u0004", "latin1"), fields, name, data]);
    const central = Buffer.alloc(46);
    central.write("PK\u0001\u0002", 0, "latin1");
    central.writeUInt16LE((3 << 8) | 20, 4);
    fields.copy(central, 6, 0, 24);
    central.writeUInt32LE(((entry.mode ?? 0o100644) << 16) >>> 0, 38);
    central.writeUInt32LE(offset, 42);
    locals.push(local);
    centrals.push(Buffer.concat([central, name]));
    offset += local.byteLength;
  }
  const directory = Buffer.concat(centrals);
  const end = Buffer.alloc(22);
  end.write("PK\u0005\u0006", 0, "latin1");
  end.writeUInt16LE(claimedCount, 8);
  end.writeUInt16LE(claimedCount, 10);
  end.writeUInt32LE(directory.byteLength, 12);
  end.writeUInt32LE(offset, 16);
  return Buffer.concat([...locals, directory, end]);
}
