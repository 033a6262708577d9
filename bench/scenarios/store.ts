import { closeSync, fdatasyncSync, mkdirSync, mkdtempSync, openSync, rmSync, writeSync } from "node:fs";
import { join } from "node:path";
import { systemClock } from "../../src/adapters/clock-system/clock-system.ts";
import { openSqliteStore } from "../../src/adapters/store-sqlite/store-sqlite.ts";
import type { Store } from "../../src/ports/store.ts";
import type { ScenarioOptions, ScenarioResult } from "../scenario.ts";
import { median } from "../statistics.ts";

const CONCURRENCIES = [1, 16, 128] as const;
const VALUE = Buffer.alloc(300, "v");
const KEYS = 5_000;
const PAGE_BYTES = 4_096;
const RAW_FILE_PAGES = 4_096;

const OPERATIONS = ["put", "enqueue"] as const;
type OperationName = (typeof OPERATIONS)[number];
interface Comparison {
  readonly operation: OperationName;
  readonly concurrency: number;
  readonly perSecond: number;
  readonly rawPerSecond: number;
}

/** How often a page can be written and made durable, one after the other, with nothing in between. */
function rawSyncsPerSecond(file: string, seconds: number): number {
  const descriptor = openSync(file, "w");
  const page = Buffer.alloc(PAGE_BYTES);
  const startMs = performance.now();
  let count = 0;
  while (performance.now() - startMs < seconds * 1_000) {
    writeSync(descriptor, page, 0, PAGE_BYTES, (count % RAW_FILE_PAGES) * PAGE_BYTES);
    fdatasyncSync(descriptor);
    count++;
  }
  const perSecond = count / ((performance.now() - startMs) / 1_000);
  closeSync(descriptor);
  return perSecond;
}

async function operationsPerSecond(
  concurrency: number,
  seconds: number,
  operation: (index: number) => Promise<unknown>,
): Promise<number> {
  const startMs = performance.now();
  let begun = 0;
  let done = 0;
  const caller = async (): Promise<void> => {
    while (performance.now() - startMs < seconds * 1_000) {
      await operation(begun++);
      done++;
    }
  };
  await Promise.all(Array.from({ length: concurrency }, caller));
  return done / ((performance.now() - startMs) / 1_000);
}

function operationsOf(store: Store): Record<OperationName, (index: number) => Promise<unknown>> {
  return {
    put: (index) => store.keyValue.put(`bench/${index % KEYS}`, VALUE),
    enqueue: () => store.queue.enqueue("bench", [{ body: VALUE, deduplicationId: crypto.randomUUID() }]),
  };
}

async function measure(directory: string, options: ScenarioOptions): Promise<Comparison[]> {
  const store = await openSqliteStore({ dataDirectory: join(directory, "store"), clock: systemClock });
  const operations = operationsOf(store);
  const comparisons: Comparison[] = [];
  for (let round = 1; round <= options.rounds; round++)
    for (const operation of OPERATIONS)
      for (const concurrency of CONCURRENCIES) {
        options.progress(`round ${round}: ${operation}, ${concurrency} at once`);
        // Beside each measurement, because other programs use the disk too.
        const rawPerSecond = rawSyncsPerSecond(join(directory, "raw"), options.secondsPerMeasurement / 3);
        const perSecond = await operationsPerSecond(
          concurrency,
          options.secondsPerMeasurement,
          operations[operation],
        );
        comparisons.push({ operation, concurrency, perSecond, rawPerSecond });
      }
  await store.close();
  return comparisons;
}

/** Durable writes of the embedded store against what the disk can do: bare `fdatasync` calls, one after the other. */
export async function store(options: ScenarioOptions): Promise<ScenarioResult> {
  // Not in the temporary directory, which is in memory on many machines.
  const cache = join(import.meta.dirname, "..", "..", "node_modules", ".cache");
  mkdirSync(cache, { recursive: true });
  const directory = mkdtempSync(join(cache, "lambent-store-"));
  try {
    const comparisons = await measure(directory, options);
    const json: Record<string, number> = {};
    const rows = OPERATIONS.flatMap((operation) =>
      CONCURRENCIES.map((concurrency) => {
        const same = comparisons.filter((c) => c.operation === operation && c.concurrency === concurrency);
        const ratio = median(same.map((c) => c.perSecond / c.rawPerSecond));
        json[`${operation}_${concurrency}_ratio`] = ratio;
        const perSecond = median(same.map((c) => c.perSecond));
        const rawPerSecond = median(same.map((c) => c.rawPerSecond));
        return [
          operation,
          String(concurrency),
          perSecond.toFixed(0),
          rawPerSecond.toFixed(0),
          ratio.toFixed(2),
        ];
      }),
    );
    return {
      columns: ["operation", "at once", "per second", "fdatasync per second", "ratio"],
      rows,
      notes: [
        "300 bytes each; every write is on disk before it is answered. Many at once share one fdatasync.",
        `medians of ${options.rounds} rounds`,
      ],
      json,
    };
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}
