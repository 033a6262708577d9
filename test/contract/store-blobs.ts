import assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";
import { test } from "node:test";
import { NotFound } from "../../src/ports/store.ts";
import type { StoreUnderTest } from "./store-contract.ts";
import { bytes, describeStore, text } from "./store-suite.ts";

async function* pieces(...data: Uint8Array[]): AsyncGenerator<Uint8Array> {
  yield* data;
}

async function collect(data: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of data) {
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

const sha256 = (data: Uint8Array): string => createHash("sha256").update(data).digest("hex");

export function describeBlobs(name: string, open: () => Promise<StoreUnderTest>): void {
  describeStore(`${name}: blobs`, open, (store) => {
    test("get answers what was put in pieces", async () => {
      const { blobs } = store();
      const data = randomBytes(5_000_000);
      const key = sha256(data);
      assert.equal(await blobs.has(key), false);
      const cuts = [0, 1, 300_000, 300_000, 4_999_999, data.length];
      const parts = cuts.slice(1).map((end, index) => data.subarray(cuts[index], end));
      assert.deepEqual(await blobs.put(key, pieces(...parts)), { sizeBytes: data.length });
      assert.equal(await blobs.has(key), true);
      assert.ok((await collect(await blobs.get(key))).equals(data));
    });

    test("an empty blob is a blob", async () => {
      const { blobs } = store();
      assert.deepEqual(await blobs.put(sha256(bytes("")), pieces()), { sizeBytes: 0 });
      assert.equal((await collect(await blobs.get(sha256(bytes(""))))).length, 0);
    });

    test("the same key again is fine, also at once", async () => {
      const { blobs } = store();
      const data = randomBytes(100_000);
      const key = sha256(data);
      await Promise.all([1, 2, 3].map(() => blobs.put(key, pieces(data))));
      await blobs.put(key, pieces(data));
      assert.ok((await collect(await blobs.get(key))).equals(data));
    });

    test("keys may have any characters and any length, and different keys are different blobs", async () => {
      const { blobs } = store();
      const keys = [
        "code/a b/ü?*",
        "../../escape",
        ".",
        "A",
        "a",
        "k".repeat(2_000),
        `${"k".repeat(2_000)}2`,
      ];
      await Promise.all(keys.map((key) => blobs.put(key, pieces(bytes(key)))));
      for (const key of keys) {
        assert.equal(text(await collect(await blobs.get(key))), key);
      }
    });

    test("NotFound when absent", async () => {
      const { blobs } = store();
      await assert.rejects(blobs.get(sha256(bytes("absent"))), NotFound);
      assert.equal(await blobs.has("absent"), false);
    });

    test("delete removes a blob; an absent one is fine", async () => {
      const { blobs } = store();
      const key = sha256(bytes("short-lived"));
      await blobs.put(key, pieces(bytes("short-lived")));
      await blobs.delete(key);
      assert.equal(await blobs.has(key), false);
      await assert.rejects(blobs.get(key), NotFound);
      await blobs.delete(key);
      await blobs.delete("never there");
    });

    test("a blob is invisible until it is whole", async () => {
      const { blobs } = store();
      const key = sha256(bytes("firstsecond"));
      const firstTaken = Promise.withResolvers<void>();
      const goOn = Promise.withResolvers<void>();
      async function* slow(): AsyncGenerator<Uint8Array> {
        yield bytes("first");
        firstTaken.resolve();
        await goOn.promise;
        yield bytes("second");
      }
      const written = blobs.put(key, slow());
      await firstTaken.promise;
      assert.equal(await blobs.has(key), false);
      await assert.rejects(blobs.get(key), NotFound);
      goOn.resolve();
      await written;
      assert.equal(text(await collect(await blobs.get(key))), "firstsecond");
    });

    test("when the source fails, its error comes through and nothing is stored", async () => {
      const { blobs } = store();
      async function* broken(): AsyncGenerator<Uint8Array> {
        yield bytes("half");
        throw new RangeError("the upload was cut off");
      }
      await assert.rejects(blobs.put("half", broken()), {
        name: "RangeError",
        message: "the upload was cut off",
      });
      assert.equal(await blobs.has("half"), false);
    });
  });
}
