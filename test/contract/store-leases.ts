import assert from "node:assert/strict";
import { test } from "node:test";
import type { StoreUnderTest } from "./store-contract.ts";
import { describeStore } from "./store-suite.ts";

export function describeLeases(name: string, open: () => Promise<StoreUnderTest>): void {
  describeStore(`${name}: leases`, open, (store) => {
    test("a lease has one holder at a time", async () => {
      const { leases } = store();
      assert.ok(leases.ttlMs > 0 && Number.isFinite(leases.ttlMs));
      const attempts = await Promise.all(["a", "b", "c", "d"].map((holder) => leases.acquire("one", holder)));
      const held = attempts.filter((lease) => lease !== undefined);
      assert.equal(held.length, 1);
      assert.equal(held[0]!.name, "one");
      assert.equal(held[0]!.lost.aborted, false);
      assert.equal(await leases.acquire("one", "e"), undefined);
      const other = await leases.acquire("another", "e");
      assert.ok(other, "another name is free");
      await Promise.all([held[0]!.release(), other.release()]);
    });

    test("a released lease is free, and its epoch has grown for the next holder", async () => {
      const { leases } = store();
      const first = await leases.acquire("epoch", "a");
      assert.ok(first);
      assert.deepEqual(await leases.holder("epoch"), { holder: "a", epoch: first.epoch });
      await first.release();
      assert.equal(await leases.holder("epoch"), undefined);
      const second = await leases.acquire("epoch", "b");
      assert.ok(second);
      assert.ok(second.epoch > first.epoch);
      // A former holder's release must not free what is another's now.
      await first.release();
      assert.deepEqual(await leases.holder("epoch"), { holder: "b", epoch: second.epoch });
      assert.equal(await leases.acquire("epoch", "c"), undefined);
      await second.release();
      assert.equal(await leases.holder("never"), undefined);
    });
  });
}
