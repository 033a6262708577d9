import assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";
import { mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { buffer } from "node:stream/consumers";
import { afterEach, beforeEach, test } from "node:test";
import type { BodyWrite } from "../../ports/object-bodies.ts";
import { ObjectStoreFiles } from "./object-store-files.ts";

let directory: string;
let bodies: ObjectStoreFiles;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "lambent-objects-"));
  bodies = new ObjectStoreFiles(directory);
});
afterEach(() => rm(directory, { recursive: true }));

async function* pieces(...all: Uint8Array[]): AsyncGenerator<Uint8Array> {
  yield* all;
}
const write = (content: AsyncIterable<Uint8Array>, more: Partial<BodyWrite> = {}) =>
  bodies.write({
    bucketId: "b",
    content,
    algorithms: ["CRC32"],
    wantsSha256: true,
    check: () => {},
    ...more,
  });

test("a body comes back as it was written, whole and in ranges, with its digests", async () => {
  const data = randomBytes(700_000);
  const body = await write(pieces(data.subarray(0, 10), data.subarray(10, 300_000), data.subarray(300_000)));
  assert.equal(body.sizeBytes, data.length);
  assert.equal(body.sha256, createHash("sha256").update(data).digest("hex"));
  assert.deepEqual(Buffer.from(body.md5), createHash("md5").update(data).digest());
  assert.match(body.checksums.CRC32 ?? "", /^[\w+/]{6}==$/);
  assert.deepEqual(await buffer(await bodies.read("b", body.id, { start: 0, end: data.length - 1 })), data);
  assert.deepEqual(await buffer(await bodies.read("b", body.id, { start: 5, end: 9 })), data.subarray(5, 10));
});

test("nothing stays of a body that is refused, or that its sender does not finish", async () => {
  const refuse = (): never => {
    throw new Error("refused");
  };
  await assert.rejects(write(pieces(Buffer.from("x")), { check: refuse }), /refused/);
  const broken = (async function* () {
    yield Buffer.from("half");
    throw new Error("gone");
  })();
  await assert.rejects(write(broken), /gone/);
  assert.deepEqual(await readdir(join(directory, "b")), []);
});

test("what a crash left beside the index is removed, what the index knows stays", async () => {
  const kept = await write(pieces(Buffer.from("kept")));
  await write(pieces(Buffer.from("unknown")));
  await writeFile(join(directory, "b", "0123.partial"), "half");
  await bodies.keepOnly("b", new Set([kept.id]));
  assert.deepEqual(await readdir(join(directory, "b")), [kept.id]);
});

test("a body that was removed is not found, and one that is being read is read to its end", async () => {
  const { id } = await write(pieces(Buffer.from("read")));
  const stream = await bodies.read("b", id, { start: 0, end: 3 });
  await bodies.remove("b", [id, "absent"]);
  assert.equal((await buffer(stream)).toString(), "read");
  await assert.rejects(bodies.read("b", id, { start: 0, end: 3 }), { name: "NotFound" });
});

test("many at once share their directory", async () => {
  const written = await Promise.all(
    Array.from({ length: 50 }, (_, index) => write(pieces(Buffer.from(String(index))))),
  );
  assert.equal(new Set(written.map(({ id }) => id)).size, 50);
  await bodies.removeBucket("b");
  assert.deepEqual(await readdir(directory), []);
});
