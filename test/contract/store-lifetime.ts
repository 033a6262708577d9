import assert from "node:assert/strict";
import { test } from "node:test";
import { Conflict, Unavailable } from "../../src/ports/store.ts";
import type { StoreUnderTest } from "./store-contract.ts";
import { bytes, describeStore, text } from "./store-suite.ts";

async function* one(data: Uint8Array): AsyncGenerator<Uint8Array> {
  yield data;
}

export function describeLifetime(name: string, open: () => Promise<StoreUnderTest>): void {
  describeStore(`${name}: closing and opening again`, open, (firstStore, underTest) => {
    test("everything is there again, and close waits for what was begun", async () => {
      const first = firstStore();
      assert.equal(first.healthy(), true);
      const revision = await first.keyValue.put("kept/key", bytes("1"));
      await first.queue.enqueue("kept", [
        { body: bytes("waiting") },
        { body: bytes("delayed"), delayMs: 60_000 },
        { body: bytes("identified"), deduplicationId: "x" },
      ]);
      await first.blobs.put("kept", one(bytes("blob")));
      await first.logs.append([{ stream: "kept/s", entries: [{ timestampMs: 1, message: "line" }] }]);
      const logs = await first.logs.read("kept/s", undefined, 10);
      const lease = await first.leases.acquire("kept", "first");
      const inFlight = await first.queue.receive("kept", 1, 0);
      const begun = Array.from({ length: 200 }, (_, index) =>
        first.keyValue.put(`begun/${index}`, bytes(String(index))),
      );
      const waiting = first.queue.receive("empty", 1, 60_000);

      const closed = assert.rejects(waiting, Unavailable);
      const second = await underTest().reopen();
      await closed;
      await Promise.all(begun);

      assert.equal((await second.keyValue.list("begun/")).length, 200);
      assert.equal((await second.keyValue.get("kept/key"))?.revision, revision);
      await second.keyValue.update("kept/key", bytes("2"), revision);
      await assert.rejects(second.keyValue.update("kept/key", bytes("3"), revision), Conflict);
      assert.deepEqual(await second.logs.read("kept/s", undefined, 10), logs);
      const chunks = await Array.fromAsync(await second.blobs.get("kept"));
      assert.equal(Buffer.concat(chunks).toString(), "blob");

      assert.equal(inFlight.length, 1);
      const delivered = new Map<string, Promise<void>>();
      while (delivered.size < 2) {
        for (const job of await second.queue.receive("kept", 10, 20_000)) {
          delivered.set(text(job.body), job.done());
        }
      }
      await Promise.all(delivered.values());
      assert.deepEqual([...delivered.keys()].toSorted(), ["identified", "waiting"]);
      await second.queue.enqueue("kept", [{ body: bytes("again"), deduplicationId: "x" }]);
      assert.deepEqual(await second.queue.stats("kept"), { waiting: 0, inFlightOrDelayed: 1 });

      assert.equal(lease!.lost.aborted, true, "a closed store has lost its leases");
      const nextLease = await second.leases.acquire("kept", "second");
      assert.ok(nextLease!.epoch > lease!.epoch);
    });

    test("a closed store is not healthy, refuses everything with Unavailable, and may be closed again", async () => {
      const store = await underTest().reopen();
      await store.close();
      await store.close();
      assert.equal(store.healthy(), false);
      const operations: (() => Promise<unknown>)[] = [
        () => store.keyValue.get("a"),
        () => store.keyValue.list(""),
        () => store.keyValue.put("a", bytes("1")),
        () => store.keyValue.create("a", bytes("1")),
        () => store.keyValue.update("a", bytes("1"), "1"),
        () => store.keyValue.delete("a"),
        () => store.keyValue.watch("", () => {}),
        () => store.leases.acquire("a", "holder"),
        () => store.queue.enqueue("a", [{ body: bytes("1") }]),
        () => store.queue.receive("a", 1, 10),
        () => store.queue.stats("a"),
        () => store.blobs.put("a", one(bytes("1"))),
        () => store.blobs.get("a"),
        () => store.blobs.has("a"),
        () => store.blobs.delete("a"),
        () => store.logs.append([{ stream: "a", entries: [{ timestampMs: 1, message: "" }] }]),
        () => store.logs.read("a", undefined, 1),
        () => store.logs.readBackwards("a", undefined, 1),
        () => store.logs.drop("a"),
        () => store.logs.trim("a", 1),
      ];
      for (const operation of operations) {
        await assert.rejects(operation, Unavailable, operation.toString());
      }
    });
  });
}
