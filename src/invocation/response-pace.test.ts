import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { ManualClock } from "../../test/support/manual-clock.ts";
import { pacedSink } from "./response-pace.ts";

const MEBIBYTE = 1_048_576;
const pace = { burstBytes: 6 * MEBIBYTE, bytesPerSecond: 2 * MEBIBYTE };

/** Writes pieces of 1 MiB until asked to wait; how many went, and what to wait for. */
function fill(sink: ReturnType<typeof pacedSink>): { pieces: number; room: Promise<void> } {
  for (let pieces = 1; ; pieces++) {
    const room = sink.write(new Uint8Array(MEBIBYTE));
    if (room !== undefined) return { pieces, room };
  }
}

async function isSettled(promise: Promise<void>): Promise<boolean> {
  const pending = Symbol("pending");
  await new Promise(setImmediate);
  return (await Promise.race([promise, Promise.resolve(pending)])) !== pending;
}

describe("pacedSink", () => {
  test("lets the burst through at once, then so much a second", async () => {
    const clock = new ManualClock();
    let received = 0;
    const sink = pacedSink(
      {
        start: () => undefined,
        write(piece) {
          received += piece.byteLength;
          return undefined;
        },
      },
      pace,
      clock,
    );
    const { pieces, room } = fill(sink);
    assert.deepEqual([pieces, received], [7, 7 * MEBIBYTE]);
    clock.advance(499);
    assert.equal(await isSettled(room), false);
    clock.advance(1);
    assert.equal(await isSettled(room), true);
    const startedMs = clock.monotonicMs();
    for (let i = 0; i < 8; i++) {
      const wait = sink.write(new Uint8Array(MEBIBYTE));
      assert.ok(wait !== undefined);
      clock.advance(500);
      await wait;
    }
    assert.equal(clock.monotonicMs() - startedMs, 4_000);
  });

  test("a silent function regains its burst, and no more", () => {
    const clock = new ManualClock();
    const sink = pacedSink({ start: () => undefined, write: () => undefined }, pace, clock);
    fill(sink);
    clock.advance(60_000);
    assert.equal(fill(sink).pieces, 7);
  });

  test("waits for a slow reader as well", async () => {
    const clock = new ManualClock();
    const reader = Promise.withResolvers<void>();
    const sink = pacedSink({ start: () => undefined, write: () => reader.promise }, pace, clock);
    const room = sink.write(new Uint8Array(7 * MEBIBYTE));
    assert.ok(room !== undefined);
    clock.advance(1_000);
    assert.equal(await isSettled(room), false);
    reader.resolve();
    assert.equal(await isSettled(room), true);
  });
});
