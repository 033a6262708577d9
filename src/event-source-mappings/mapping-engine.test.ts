import assert from "node:assert/strict";
import { afterEach, beforeEach, describe, test } from "node:test";
import { mappingWith, quiet, ScriptedFunction } from "../../test/support/scripted-mapping.ts";
import { ConcurrencyLimit } from "./concurrency-limit.ts";
import type { BatchOutcome, EventSource, RecordSource, SourceRecord } from "./event-source.ts";
import { MappingEngine } from "./mapping-engine.ts";

interface Row extends SourceRecord {
  readonly value: number;
}

/** A shard: rows in order, one batch at a time, checkpointed; a batch that fails is bisected. */
class ScriptedShard implements RecordSource<Row> {
  readonly concurrency: ConcurrencyLimit;
  readonly readMax = 100;
  readonly #rows: number[];
  readonly outcomes: string[] = [];
  checkpoint = 0;

  constructor(fn: ScriptedFunction, rows: readonly number[]) {
    this.#rows = [...rows];
    this.concurrency = new ConcurrencyLimit({
      clock: fn.clock,
      initial: 1,
      min: 1,
      max: 1,
      growthPerMinute: 0,
    });
  }

  async read({
    max,
    signal,
  }: {
    readonly max: number;
    readonly signal: AbortSignal;
  }): Promise<readonly Row[]> {
    const rows = this.#rows.splice(0, max).map((value) => ({ value, itemIdentifier: `${value}`, bytes: 10 }));
    if (rows.length === 0 && !signal.aborted)
      await new Promise((resolve) => signal.addEventListener("abort", resolve));
    return rows;
  }
  wants({ value }: Row): boolean {
    return value % 10 !== 0;
  }
  async discard(): Promise<void> {}
  hold(): () => void {
    return () => undefined;
  }
  mayWait(): boolean {
    return true;
  }
  payload(rows: readonly Row[]): Uint8Array {
    return Buffer.from(JSON.stringify(rows.map(({ value }) => value)));
  }
  async settle(rows: readonly Row[], outcome: BatchOutcome): Promise<readonly (readonly Row[])[]> {
    this.outcomes.push(`${rows.map(({ value }) => value).join(",")}: ${outcome.type}`);
    if (outcome.type !== "failed" || rows.length === 1) {
      this.checkpoint = rows.at(-1)?.value ?? this.checkpoint;
      return [];
    }
    return [rows.slice(0, rows.length / 2), rows.slice(rows.length / 2)];
  }
}

describe("the engine with a source whose records are in order", () => {
  let fn: ScriptedFunction;
  let shards: ScriptedShard[];
  let engine: MappingEngine;
  let isOpen: boolean;
  beforeEach(() => {
    fn = new ScriptedFunction();
    isOpen = false;
    const source: EventSource = {
      defaultBatchSize: 100,
      check: async () => undefined,
      open(_mapping, attach) {
        isOpen = true;
        for (const shard of shards) attach(shard);
        return () => {
          isOpen = false;
        };
      },
    };
    engine = new MappingEngine({ clock: fn.clock, invoker: fn.invoker, sources: { kinesis: source } });
  });
  afterEach(async () => {
    engine.stop();
    fn.finish();
    await engine.settled();
    assert.equal(isOpen, false);
  });

  const start = async (): Promise<void> => {
    engine.start([{ ...mappingWith({ batchSize: 4, filterPatterns: ["{}"] }), kind: "kinesis" }]);
    await quiet();
  };

  test("shards run side by side, each a batch at a time and in order", async () => {
    shards = [new ScriptedShard(fn, [1, 2, 3, 4, 5, 6]), new ScriptedShard(fn, [11, 12])];
    await start();
    assert.deepEqual(
      fn.invocations.map(({ event }) => event),
      [
        [1, 2, 3, 4],
        [11, 12],
      ],
    );
    fn.next().answer();
    await quiet();
    fn.next().answer();
    assert.deepEqual(fn.next().event, [5, 6]);
    assert.equal(shards[0]?.checkpoint, 4);
  });

  test("what the source wants tried again comes before anything new", async () => {
    const shard = new ScriptedShard(fn, [1, 2, 3, 4, 5]);
    shards = [shard];
    fn.immediate = (begun) => ((begun.event as number[]).includes(3) ? begun.fail() : begun.answer());
    await start();
    assert.deepEqual(shard.outcomes, [
      "1,2,3,4: failed",
      "1,2: processed",
      "3,4: failed",
      "3: failed",
      "4: processed",
      "5: processed",
    ]);
  });

  test("records that no filter lets through do not count", async () => {
    const shard = new ScriptedShard(fn, [10, 20, 1, 30, 2]);
    shards = [shard];
    await start();
    const begun = fn.next();
    assert.deepEqual(begun.event, [1]);
    begun.answer();
    await quiet();
    assert.deepEqual(fn.next().event, [2]);
  });

  test("a source that answers at once that it has nothing is not asked in a circle", async () => {
    const shard = new ScriptedShard(fn, []);
    let reads = 0;
    shard.read = async () => {
      reads++;
      return [];
    };
    shards = [shard];
    await start();
    for (let step = 0; step < 20; step++) {
      fn.clock.advance(50);
      await quiet();
    }
    assert.equal(reads, 5);
  });

  test("a throttled batch waits, ever longer, and nothing overtakes it", async () => {
    shards = [new ScriptedShard(fn, [1, 2, 3, 4, 5])];
    await start();
    for (const pauseMs of [100, 200, 400]) {
      const begun = fn.next();
      assert.deepEqual(begun.event, [1, 2, 3, 4]);
      begun.throttle();
      await quiet();
      fn.clock.advance(pauseMs - 1);
      await quiet();
      assert.equal(fn.invocations.length, 0);
      fn.clock.advance(1);
      await quiet();
    }
    fn.next().answer();
    await quiet();
    assert.deepEqual(fn.next().event, [5]);
  });
});
