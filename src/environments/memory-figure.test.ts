import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { ManualClock } from "../../test/support/manual-clock.ts";
import { MemoryFigure } from "./memory-figure.ts";

const MEBIBYTE = 1_048_576;

function figureOf(memoryMb = 128) {
  const clock = new ManualClock();
  const figure = new MemoryFigure({ clock, memoryMb });
  const use = { peakMb: 50, reads: 0 };
  const sandbox = {
    memoryPeakBytes: () => {
      use.reads++;
      return use.peakMb * MEBIBYTE;
    },
  };
  return { clock, use, maxUsedMb: (precise = false) => figure.maxUsedMb(sandbox, precise) };
}

describe("Max Memory Used", () => {
  test("is what the function has at most, and never falls", () => {
    const { use, maxUsedMb } = figureOf(128);
    assert.equal(maxUsedMb(true), 50);
    use.peakMb = 40;
    assert.equal(maxUsedMb(true), 50);
    use.peakMb = 127.2;
    assert.equal(maxUsedMb(true), 128);
    use.peakMb = 300;
    assert.equal(maxUsedMb(true), 128);
  });

  test("is read every 50 ms while it grows", () => {
    const { clock, use, maxUsedMb } = figureOf(1_000);
    for (let read = 1; read <= 10; read++) {
      use.peakMb += 1;
      assert.equal(maxUsedMb(), 50 + read);
      clock.advance(49);
      maxUsedMb();
      assert.equal(use.reads, read);
      clock.advance(1);
    }
  });

  test("is read at least every 400 ms while it stays, and sooner again when it has grown", () => {
    const { clock, use, maxUsedMb } = figureOf();
    for (let ms = 0; ms < 4_000; ms++) {
      maxUsedMb();
      clock.advance(1);
    }
    // At 0, 50, 150, 350 and 750 ms, then every 400.
    assert.equal(use.reads, 5 + 8);
    use.peakMb = 60;
    clock.advance(400);
    assert.equal(maxUsedMb(), 60);
    use.peakMb = 70;
    clock.advance(50);
    assert.equal(maxUsedMb(), 70);
  });

  test("is read at once where it has to be precise", () => {
    const { use, maxUsedMb } = figureOf();
    maxUsedMb();
    use.peakMb = 60;
    assert.equal(maxUsedMb(), 50);
    assert.equal(maxUsedMb(true), 60);
  });
});
