import assert from "node:assert/strict";
import { test } from "node:test";
import { ManualClock } from "../../test/support/manual-clock.ts";
import { OutputPace } from "./output-pace.ts";

function open() {
  const clock = new ManualClock();
  const pace = new OutputPace(clock);
  const writer = () => {
    const environment = pace.open();
    const stream = {
      isPaused: false,
      pause: () => {
        stream.isPaused = true;
      },
      resume: () => {
        stream.isPaused = false;
      },
    };
    environment.add(stream);
    return { environment, stream };
  };
  return { clock, writer };
}

/** How many events each of them gets rid of in that time, when it writes as fast as it is read. */
function readOf(
  {
    clock,
    writers,
  }: { clock: ManualClock; writers: readonly ReturnType<ReturnType<typeof open>["writer"]>[] },
  durationMs: number,
  eventsOf: (index: number) => number,
): number[] {
  const read = writers.map(() => 0);
  for (let elapsed = 0; elapsed < durationMs; elapsed++) {
    for (const [index, { environment, stream }] of writers.entries()) {
      if (stream.isPaused) continue;
      environment.took(eventsOf(index), 0);
      read[index] = (read[index] ?? 0) + eventsOf(index);
    }
    clock.advance(1);
  }
  return read;
}

test("who writes without end is read at a measured pace, however many there are", () => {
  for (const count of [1, 2, 50]) {
    const { clock, writer } = open();
    const writers = Array.from({ length: count }, writer);
    const read = readOf({ clock, writers }, 60_000, () => 10_000);
    const all = read.reduce((sum, events) => sum + events, 0);
    assert.ok(all > 1_100_000 && all < 1_300_000 + count * 20_000, `${count} writers: ${all}`);
    assert.ok(
      Math.max(...read) - Math.min(...read) <= 0.35 * (all / count) + 20_000,
      `unfair: ${read.join()}`,
    );
  }
});

test("who writes little waits for nobody", () => {
  const { clock, writer } = open();
  const writers = [writer(), writer(), writer()];
  const [, , little = 0] = readOf({ clock, writers }, 20_000, (index) => (index < 2 ? 60_000 : 0.2));
  assert.ok(Math.abs(little - 4_000) < 1, `${little}`);
});

test("a burst is taken at once", () => {
  const { writer } = open();
  const { environment, stream } = writer();
  environment.took(10_000, 1_000_000);
  assert.equal(stream.isPaused, false);
  environment.took(10_000, 1_000_000);
  assert.equal(stream.isPaused, true);
});

test("large events count by their size", () => {
  const { clock, writer } = open();
  const { environment, stream } = writer();
  let bytes = 0;
  for (let elapsed = 0; elapsed < 10_000; elapsed++) {
    if (!stream.isPaused) {
      environment.took(1, 1_048_576);
      bytes += 1_048_576;
    }
    clock.advance(1);
  }
  assert.ok(bytes > 200e6 && bytes < 250e6, `${bytes}`);
});

test("a stream that has ended is neither held nor let go", () => {
  const { clock, writer } = open();
  const { environment, stream } = writer();
  environment.closed(stream);
  environment.took(100_000, 0);
  assert.equal(stream.isPaused, false);
  stream.isPaused = true;
  clock.advance(60_000);
  assert.equal(stream.isPaused, true);
});
