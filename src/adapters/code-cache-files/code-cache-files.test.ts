import assert from "node:assert/strict";
import { mkdtemp, readdir, rm, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { openCodeCache } from "./code-cache-files.ts";

test("packs are kept, found again, removed by prefix, and the least recently used go first", async () => {
  const directory = await mkdtemp(join(tmpdir(), "lambent-code-cache-"));
  try {
    const cache = await openCodeCache({ directory, maxBytes: 10 });
    assert.equal(cache.sizeBytes("a-1"), undefined);
    assert.equal(await cache.read("a-1"), undefined);
    await cache.store("a-1", Buffer.from("aaaa"));
    await cache.store("b-1", Buffer.from("bbbb"));
    await cache.store("empty-1", Buffer.alloc(0));
    assert.equal(cache.sizeBytes("empty-1"), 0);
    assert.deepEqual(await cache.read("a-1"), Buffer.from("aaaa"));
    await cache.store("c-1", Buffer.from("cccc"));
    assert.equal(cache.sizeBytes("b-1"), undefined, "used least recently");
    await cache.store("huge", Buffer.alloc(11));
    assert.equal(cache.sizeBytes("huge"), undefined);
    await cache.remove("c-");
    assert.deepEqual((await readdir(directory)).sort(), ["a-1", "empty-1"]);
    await assert.rejects(cache.store("../x", Buffer.alloc(1)), /name/);

    await writeFile(join(directory, "7.unfinished"), "left by a crash");
    await writeFile(join(directory, "old-1"), "oldoldold");
    await utimes(join(directory, "old-1"), 1, 1);
    const again = await openCodeCache({ directory, maxBytes: 10 });
    assert.deepEqual((await readdir(directory)).sort(), ["a-1", "empty-1"]);
    assert.equal(again.sizeBytes("a-1"), 4);
    await rm(join(directory, "a-1"));
    assert.equal(await again.read("a-1"), undefined);
    assert.equal(again.sizeBytes("a-1"), undefined);
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
});
