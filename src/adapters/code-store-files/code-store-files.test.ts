import assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";
import { mkdir, mkdtemp, readdir, readFile, readlink, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, test } from "node:test";
import { MemoryBlobStore } from "../../../test/support/memory-store.ts";
import { type RawEntry, rawZip, zipOf } from "../../../test/support/zip.ts";
import type { CodeStore } from "../../ports/code-store.ts";
import { openCodeStore } from "./code-store-files.ts";
import { RefusedPackage } from "./refusals.ts";

const LINK = 0o120777;

let root: string;
let directory: string;
let blobs: MemoryBlobStore;
let store: CodeStore;

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), "lambent-code-"));
  directory = join(root, "code");
  blobs = new MemoryBlobStore();
  store = await openCodeStore({ directory, blobs });
});

afterEach(() => rm(root, { recursive: true }));

describe("a good package", () => {
  test("is unpacked with the modes it may have, and reported as AWS does", async () => {
    const zip = await zipOf({ "index.js": "exports.x = 1;", "lib/a/deep.txt": "deep" });
    const code = await store.add(zip);
    const digest = createHash("sha256").update(zip).digest();
    assert.deepEqual(code, {
      codeHash: digest.toString("hex"),
      codeSha256: digest.toString("base64"),
      sizeBytes: zip.byteLength,
      unzippedBytes: 18,
    });
    const tree = await store.directory(code.codeHash);
    assert.equal(await readFile(join(tree, "lib/a/deep.txt"), "utf8"), "deep");
    assert.equal((await stat(join(tree, "index.js"))).mode & 0o7777, 0o644);
    assert.equal((await stat(join(tree, "lib/a"))).mode & 0o7777, 0o755);
    for (const [packed, unpacked, why] of [
      [0o104700, 0o755, "set-user-id is gone, and everybody may run it"],
      [0o100666, 0o644, "only its owner may write"],
      [0o100400, 0o444, "read-only stays read-only"],
      [0o100555, 0o555, "also with the executable bit"],
      [0, 0o644, "no mode at all"],
    ] as const) {
      const added = await store.add(await zipOf({ bootstrap: `#!/bin/sh\n# ${packed}` }, { mode: packed }));
      const { mode } = await stat(join(await store.directory(added.codeHash), "bootstrap"));
      assert.equal(mode & 0o7777, unpacked, why);
    }
  });

  test("may hold large files, empty files, empty directories, and links that stay inside", async () => {
    const large = randomBytes(3 << 20);
    const zip = rawZip([
      { name: "large.bin", contents: large },
      { name: "stored.bin", contents: large, method: 0 },
      { name: "empty.txt", contents: "" },
      { name: "nothing/", mode: 0o040755 },
      { name: "./dir//file", contents: "x" },
      { name: "dir/link", contents: "../large.bin", mode: LINK },
      { name: "dangling", contents: "dir/absent", mode: LINK },
    ]);
    const tree = await store.directory((await store.add(zip)).codeHash);
    assert.deepEqual(await readFile(join(tree, "dir/link")), large);
    assert.deepEqual(await readFile(join(tree, "stored.bin")), large);
    assert.equal((await stat(join(tree, "nothing"))).isDirectory(), true);
    assert.equal(await readFile(join(tree, "dir/file"), "utf8"), "x");
    assert.equal(await readlink(join(tree, "dangling")), "dir/absent");
  });

  test("is readable again as the zip it was, and gone after its removal", async () => {
    const zip = await zipOf({ "a.txt": "a" });
    const { codeHash } = await store.add(zip);
    const chunks: Uint8Array[] = [];
    for await (const chunk of await store.read(codeHash)) chunks.push(chunk);
    assert.deepEqual(Buffer.concat(chunks), zip);
    assert.deepEqual(await store.list(), [codeHash]);
    await store.remove(codeHash);
    await store.remove(codeHash);
    assert.deepEqual(await readdir(directory), []);
    await assert.rejects(store.read(codeHash), { name: "NotFound" });
    await assert.rejects(store.directory(codeHash), { name: "NotFound" });
    assert.deepEqual(await readdir(directory), []);
  });

  test("is unpacked once, however many ask, and again when its directory went missing", async () => {
    const zip = await zipOf({ "a.txt": "a" });
    const added = await Promise.all(Array.from({ length: 5 }, () => store.add(zip)));
    const codeHash = added[0]?.codeHash ?? "";
    assert.deepEqual(await readdir(directory), [codeHash]);
    await rm(join(directory, codeHash), { recursive: true });
    const trees = await Promise.all(Array.from({ length: 5 }, () => store.directory(codeHash)));
    assert.equal(await readFile(join(trees[4] ?? "", "a.txt"), "utf8"), "a");
    assert.deepEqual(await readdir(directory), [codeHash]);
  });

  test("added while it is being removed is there afterwards", async () => {
    const zip = await zipOf({ "a.txt": "a" });
    const { codeHash } = await store.add(zip);
    const removal = store.remove(codeHash);
    await store.add(zip);
    await removal;
    assert.equal(blobs.blobs.has(codeHash), true);
    assert.equal(await readFile(join(await store.directory(codeHash), "a.txt"), "utf8"), "a");
  });
});

test("what a crash left half unpacked is removed at the next start", async () => {
  await mkdir(join(directory, ".unpacking-0123", "code"), { recursive: true });
  await writeFile(join(directory, ".unpacking-0123", "code", "a"), "a");
  await openCodeStore({ directory, blobs });
  assert.deepEqual(await readdir(directory), []);
});

describe("refused, with nothing left behind", () => {
  const hostile: Record<string, { readonly entries: RawEntry[]; readonly reason: RegExp }> = {
    "a name that climbs out": { entries: [{ name: "../evil" }], reason: /invalid relative path|leaves/ },
    "a name that climbs out later": {
      entries: [{ name: "a/../../evil" }],
      reason: /invalid relative path|leaves/,
    },
    "an absolute name": { entries: [{ name: "/etc/evil" }], reason: /absolute/ },
    "a drive letter": { entries: [{ name: "C:/evil" }], reason: /absolute/ },
    "a backslash": { entries: [{ name: "a\\evil" }], reason: /invalid characters|character/ },
    "a NUL in a name": { entries: [{ name: "a\0b" }], reason: /character/ },
    "a name that is too long": { entries: [{ name: "a".repeat(256) }], reason: /too long/ },
    "the same name twice": { entries: [{ name: "a" }, { name: "./a" }], reason: /exists twice/ },
    "a file below a file": { entries: [{ name: "a" }, { name: "a/b" }], reason: /below the file/ },
    "a file below a link": {
      entries: [{ name: "d/x" }, { name: "l", contents: "d", mode: LINK }, { name: "l/y" }],
      reason: /below the link/,
    },
    "a link to outside": {
      entries: [{ name: "l", contents: "../x", mode: LINK }],
      reason: /leaves the package/,
    },
    "an absolute link": { entries: [{ name: "l", contents: "/etc/passwd", mode: LINK }], reason: /leads to/ },
    "an empty link": { entries: [{ name: "l", contents: "", mode: LINK }], reason: /leads to/ },
    "a link that leaves through another link": {
      entries: [
        { name: "a/b/up", contents: "../..", mode: LINK },
        { name: "z", contents: "a/b/up/../etc", mode: LINK },
      ],
      reason: /"z" leaves the package/,
    },
    "links in a circle": {
      entries: [
        { name: "a", contents: "b", mode: LINK },
        { name: "b", contents: "a", mode: LINK },
      ],
      reason: /circle/,
    },
    "a device": { entries: [{ name: "null", mode: 0o020666 }], reason: /neither/ },
    "a pipe": { entries: [{ name: "pipe", mode: 0o010644 }], reason: /neither/ },
    "an encrypted entry": { entries: [{ name: "a", flags: 1 }], reason: /encrypted/ },
    "an unknown compression": { entries: [{ name: "a", method: 12 }], reason: /method 12/ },
    "a wrong checksum": {
      entries: [{ name: "ok" }, { name: "a", contents: "hello", crc32: 1 }],
      reason: /checksum/,
    },
    "a wrong checksum of a large file": {
      entries: [{ name: "a", contents: Buffer.alloc(2 << 20), crc32: 1 }],
      reason: /checksum/,
    },
    "more than it said": {
      entries: [{ name: "a", contents: "x".repeat(5000), sizeBytes: 10 }],
      reason: /"a"/,
    },
    "much more than it said": {
      entries: [{ name: "a", contents: Buffer.alloc(40 << 20), sizeBytes: 2 << 20 }],
      reason: /lies about its size/,
    },
    "less than it said": {
      entries: [{ name: "a", contents: "x", sizeBytes: 10 }],
      reason: /lies about its size/,
    },
    "a stored entry with two sizes": {
      entries: [{ name: "a", contents: "xx", method: 0, sizeBytes: 1 }],
      reason: /lies|mismatch/,
    },
    "data beyond the end": {
      entries: [{ name: "a", contents: "x", compressedBytes: 5000 }],
      reason: /overflows|bounds/,
    },
  };
  for (const [what, { entries, reason }] of Object.entries(hostile)) {
    test(what, async () => {
      const good: RawEntry = { name: "index.js", contents: "good" };
      await assert.rejects(store.add(rawZip([good, ...entries])), (error) => {
        assert.ok(error instanceof RefusedPackage, String(error));
        assert.match(error.reason, reason);
        assert.equal(
          error.message,
          "Could not unzip uploaded file. Please check your file, then try to upload again.",
        );
        return true;
      });
      assert.deepEqual(await readdir(directory), []);
      assert.equal(blobs.blobs.size, 0);
      assert.deepEqual(await readdir(root), ["code"]);
    });
  }

  test("something that is no zip, and a zip cut short", async () => {
    const zip = await zipOf({ "a.txt": "a".repeat(1000) });
    for (const bytes of [Buffer.from("hello"), randomBytes(5000), zip.subarray(0, zip.byteLength - 30)]) {
      await assert.rejects(store.add(bytes), RefusedPackage);
    }
    assert.deepEqual(await readdir(directory), []);
  });

  test("an empty package, and one of directories alone", async () => {
    const message = "Uploaded file must be a non-empty zip";
    await assert.rejects(store.add(new Uint8Array()), { message });
    await assert.rejects(store.add(rawZip([])), { message });
    await assert.rejects(store.add(rawZip([{ name: "d/", mode: 0o040755 }])), { message });
  });

  test("more than 50 MiB zipped", async () => {
    await assert.rejects(store.add(new Uint8Array(52_428_801)), {
      name: "RequestEntityTooLargeException",
      status: 413,
      message: "Zipped size must be smaller than 52428800 bytes",
    });
  });

  test("a bomb, by what it says of itself, before anything is unpacked", async () => {
    const entries = Array.from({ length: 3 }, (_, index) => ({ name: `f${index}`, sizeBytes: 100_000_000 }));
    await assert.rejects(store.add(rawZip(entries)), {
      name: "InvalidParameterValueException",
      message: "Unzipped size must be smaller than 262144000 bytes",
    });
    assert.deepEqual(await readdir(directory), []);
  });

  test("more than 100,000 entries", async () => {
    const entries = Array.from({ length: 65_534 }, (_, index) => ({ name: `f${index}`, method: 0 }));
    const zip = rawZip(entries);
    await assert.rejects(store.add(withEntryCount(zip, 100_001)), RefusedPackage);
    assert.deepEqual(await readdir(directory), []);
  });
});

/** Replaces the end of the directory by a Zip64 one that claims another number of entries. */
function withEntryCount(zip: Buffer, count: number): Buffer {
  const end = zip.subarray(zip.byteLength - 22);
  const zip64 = Buffer.alloc(56);
  zip64.write("PK\u0006\u0006", 0, "latin1");
  zip64.writeBigUInt64LE(44n, 4);
  zip64.writeBigUInt64LE(BigInt(count), 24);
  zip64.writeBigUInt64LE(BigInt(count), 32);
  zip64.writeBigUInt64LE(BigInt(end.readUInt32LE(12)), 40);
  zip64.writeBigUInt64LE(BigInt(end.readUInt32LE(16)), 48);
  const locator = Buffer.alloc(20);
  locator.write("PK\u0006\u0007", 0, "latin1");
  locator.writeBigUInt64LE(BigInt(zip.byteLength - 22), 8);
  locator.writeUInt32LE(1, 16);
  const newEnd = Buffer.from(end);
  newEnd.writeUInt16LE(0xffff, 8);
  newEnd.writeUInt16LE(0xffff, 10);
  return Buffer.concat([zip.subarray(0, zip.byteLength - 22), zip64, locator, newEnd]);
}
