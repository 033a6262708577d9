import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { DueHeap } from "./due-heap.ts";

test("items come out in the order they are due, and none before", () => {
  fc.assert(
    fc.property(fc.array(fc.nat(1_000)), fc.nat(1_000), (times, nowMs) => {
      const heap = new DueHeap<number>();
      for (const atMs of times) heap.add(atMs, atMs);
      const taken: number[] = [];
      for (let item = heap.take(nowMs); item !== undefined; item = heap.take(nowMs)) taken.push(item);
      const sorted = times.toSorted((a, b) => a - b);
      assert.deepEqual(
        taken,
        sorted.filter((atMs) => atMs <= nowMs),
      );
      assert.equal(
        heap.nextMs,
        sorted.find((atMs) => atMs > nowMs),
      );
      assert.equal(heap.size, times.length - taken.length);
    }),
  );
});
