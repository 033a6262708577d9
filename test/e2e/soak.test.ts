/** A short run of `npm run soak`: crashes, timeouts, updates and deletions leave nothing behind. */
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { test } from "node:test";
import { soak } from "../../bench/soak/soak.ts";
import { skipUnless } from "../support/skip.ts";

const INVOCATIONS = 1_200;
const SEED = 20_261_121;
/** Code that is compiled late, and what lies between two collections. */
const HEAP_GROWTH_BYTES_MAX = 6_000_000;
const RESIDENT_GROWTH_BYTES_MAX = 60_000_000;

test("functions that fail in every way leave nothing behind", { timeout: 240_000 }, async (t) => {
  const isRoot = process.platform === "linux" && process.getuid?.() === 0 && existsSync("/usr/bin/bwrap");
  const howTo = "run it as root on Linux, with bubblewrap and Python installed";
  if (!skipUnless(t, isRoot, "isolation as root cannot be had here", howTo)) return;
  const report = await soak({
    invocations: INVOCATIONS,
    concurrency: 16,
    seed: SEED,
    progress: (line) => t.diagnostic(line),
  });
  t.diagnostic(`seed ${SEED}: ${JSON.stringify(report.outcomes)}`);
  assert.deepEqual(report.unexpected, []);
  assert.deepEqual(report.leaks, []);
  for (const outcome of ["ok", "Error", "Runtime.ExitError", "Extension.Crash", "abandoned", "update"])
    assert.ok(
      (report.outcomes[outcome] ?? 0) > 0,
      `the seed has ${outcome}: ${JSON.stringify(report.outcomes)}`,
    );
  const [first, last] = report.memory;
  assert.ok(first.heapBytes !== undefined && last.heapBytes !== undefined, "the heap was measured");
  assert.ok(
    last.heapBytes - first.heapBytes < HEAP_GROWTH_BYTES_MAX,
    `heap after collection: ${first.heapBytes} bytes after a third, ${last.heapBytes} at the end`,
  );
  assert.ok(
    last.residentBytes - first.residentBytes < RESIDENT_GROWTH_BYTES_MAX,
    `resident: ${first.residentBytes} bytes after a third, ${last.residentBytes} at the end`,
  );
});
