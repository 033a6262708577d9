import assert from "node:assert/strict";
import { mkdtemp, readdir, readFile, rm, stat, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, test } from "node:test";
import { openCodeCache } from "./code-cache-files.ts";
import { PackDirectory } from "./pack-files.ts";

/** Two packs of four bytes with their checksums. */
const MAX_BYTES = 18;
let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "lambent-code-cache-"));
});
afterEach(() => rm(directory, { recursive: true, force: true }));

test("packs are kept, found again, removed by prefix, and the least recently used go first", async () => {
  const cache = await openCodeCache({ directory, maxBytes: MAX_BYTES });
  assert.equal(cache.use("a-1"), undefined);
  assert.equal(await cache.read("a-1"), undefined);
  await cache.store("a-1", Buffer.from("aaaa"));
  await cache.store("b-1", Buffer.from("bbbb"));
  await cache.store("empty-1", Buffer.alloc(0));
  assert.equal(cache.use("empty-1"), 0);
  assert.deepEqual(await cache.read("a-1"), Buffer.from("aaaa"));
  await cache.store("c-1", Buffer.from("cccc"));
  assert.equal(cache.use("b-1"), undefined, "used least recently");
  await cache.store("huge", Buffer.alloc(MAX_BYTES));
  assert.equal(cache.use("huge"), undefined);
  await cache.remove("c-");
  assert.deepEqual((await readdir(directory)).sort(), ["a-1", "empty-1"]);
  await assert.rejects(cache.store("../x", Buffer.alloc(1)), /name/);

  await writeFile(join(directory, "main.7.unfinished"), "left by a crash");
  await writeFile(join(directory, "old-1"), "older than the others");
  await utimes(join(directory, "old-1"), 1, 1);
  const again = await openCodeCache({ directory, maxBytes: MAX_BYTES });
  assert.deepEqual((await readdir(directory)).sort(), ["a-1", "empty-1"]);
  assert.deepEqual(await again.read("a-1"), Buffer.from("aaaa"));
  await rm(join(directory, "a-1"));
  assert.equal(await again.read("a-1"), undefined);
  assert.equal(again.use("a-1"), undefined);
});

test("a pack that was damaged on disk is none", async () => {
  const cache = await openCodeCache({ directory, maxBytes: 1_000 });
  for (const damage of [
    (bytes: Buffer) => bytes.fill(0, 10, 11),
    (bytes: Buffer) => bytes.subarray(0, -1),
    (bytes: Buffer) => bytes.subarray(0, 4),
    () => Buffer.alloc(2),
  ]) {
    await cache.store("a-1", Buffer.from("a pack of code"));
    await writeFile(join(directory, "a-1"), damage(await readFile(join(directory, "a-1"))));
    assert.equal(await cache.read("a-1"), undefined);
    assert.equal(cache.use("a-1"), undefined, "another one may be made");
    assert.deepEqual(await readdir(directory), []);
  }
});

test("other processes write beside each other, and see what was adopted alone", async () => {
  const cache = await openCodeCache({ directory, maxBytes: 1_000 });
  const [one, two] = await Promise.all([
    PackDirectory.open(directory, "1"),
    PackDirectory.open(directory, "2"),
  ]);
  const written = await Promise.all([one.write(Buffer.from("of one")), two.write(Buffer.from("of two"))]);
  assert.equal(new Set(written).size, 2);
  assert.equal(await two.read("a-1"), undefined);
  await cache.adopt("a-1", written[0]);
  assert.equal(String(await two.read("a-1")), "of one");
  assert.equal((await stat(join(directory, "a-1"))).mode & 0o777, 0o600);
  await two.discard(written[1]);
  await two.discard("a-1");
  assert.deepEqual(await readdir(directory), ["a-1"]);
  await assert.rejects(cache.adopt("b-1", "a-1"), /unfinished/);
  await assert.rejects(cache.adopt("b-1", "../1.1.unfinished"), /unfinished/);

  const left = await one.write(Buffer.from("left by a crash"));
  const others = await two.write(Buffer.from("being written"));
  await PackDirectory.open(directory, "1");
  assert.deepEqual((await readdir(directory)).sort(), [others, "a-1"]);
  assert.notEqual(left, others);
});
