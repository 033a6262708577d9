import assert from "node:assert/strict";
import { test } from "node:test";
import { ManualClock } from "../../test/support/manual-clock.ts";
import { MemoryLogStore } from "../../test/support/memory-log-store.ts";
import { MemoryKeyValueStore } from "../../test/support/memory-store.ts";
import { MetricAggregate } from "../core/metric-aggregate.ts";
import { Unavailable } from "../ports/store.ts";
import type { SeriesName } from "./metric-identity.ts";
import { DAY_MS, HOUR_MS, MINUTE_MS } from "./metric-series.ts";
import { MetricStore } from "./metric-store.ts";

const NAME: SeriesName = {
  account: "000000000000",
  region: "us-east-1",
  namespace: "Test",
  metricName: "Size",
  dimensions: [],
  unit: "None",
};
const ALL = { startMs: 0, endMs: Number.MAX_SAFE_INTEGER };

function ground() {
  const clock = new ManualClock();
  const keyValue = new MemoryKeyValueStore();
  const logs = new MemoryLogStore(() => clock.nowMs());
  return { clock, keyValue, logs, open: () => MetricStore.open({ clock, keyValue, logs }) };
}

const one = (value: number): MetricAggregate => {
  const aggregate = new MetricAggregate();
  aggregate.add(value);
  return aggregate;
};

async function total(store: MetricStore, coarse = false): Promise<{ count: number; sum: number }> {
  const series = store.find(NAME);
  if (series === undefined) return { count: 0, sum: 0 };
  const all = new MetricAggregate();
  for (const point of (await store.read(series, ALL, coarse)).values()) all.merge(point);
  return { count: all.count, sum: all.sum };
}

/** Runs what timers and promises have begun. */
async function settle(): Promise<void> {
  for (let turn = 0; turn < 50; turn++) await new Promise((resolve) => setImmediate(resolve));
}

test("what was flushed is there after a crash, before and after it went into the blocks", async () => {
  const { clock, open } = ground();
  const first = await open();
  first.add(NAME, clock.nowMs(), one(1));
  assert.deepEqual(await total(first), { count: 1, sum: 1 });
  await first.flush();
  const second = await open();
  assert.deepEqual(await total(second), { count: 1, sum: 1 });
  second.add(NAME, clock.nowMs(), one(2));
  await second.close();
  const third = await open();
  third.add(NAME, clock.nowMs(), one(4));
  assert.deepEqual(await total(third), { count: 3, sum: 7 });
  assert.deepEqual(await total(third, true), { count: 3, sum: 7 });
  await third.close();
  const last = await open();
  assert.deepEqual(await total(last), { count: 3, sum: 7 });
  assert.deepEqual(await total(last, true), { count: 3, sum: 7 });
});

test("writes by itself every few seconds, and into the blocks every few minutes", async () => {
  const { clock, logs, keyValue, open } = ground();
  const store = await open();
  store.add(NAME, clock.nowMs(), one(1));
  assert.equal(logs.appends, 0);
  clock.advance(5_000);
  await settle();
  assert.equal(logs.appends, 1);
  for (let minute = 0; minute < 6; minute++) {
    clock.advance(MINUTE_MS);
    await settle();
  }
  assert.ok([...keyValue.entries.keys()].some((key) => key.startsWith("metrics/minutes/")));
  assert.equal(logs.streams.has("metrics/journal"), false);
  assert.deepEqual(await total(await open()), { count: 1, sum: 1 });
});

test("a crash between blocks counts nothing twice", async () => {
  const { clock, keyValue, open } = ground();
  const store = await open();
  const nowMs = clock.nowMs();
  for (let hour = 0; hour < 4; hour++) store.add(NAME, nowMs - hour * HOUR_MS, one(1));
  await store.flush();
  for (const prefix of ["metrics/minutes/", "metrics/hours/"]) {
    const next = await open();
    next.add(NAME, nowMs, one(10));
    keyValue.failNext(prefix, new Unavailable("cut off"), true);
    await assert.rejects(next.close());
    const after = await open();
    const expected = prefix === "metrics/minutes/" ? { count: 5, sum: 14 } : { count: 6, sum: 24 };
    assert.deepEqual(await total(after), expected);
    await after.close();
    assert.deepEqual(await total(await open()), expected);
    assert.deepEqual(await total(await open(), true), expected);
  }
});

test("a write that the store may have taken is repeated and counts once", async () => {
  const { clock, logs, open } = ground();
  const store = await open();
  store.add(NAME, clock.nowMs(), one(3));
  logs.failNext(new Unavailable("not now"));
  await assert.rejects(store.flush());
  store.add(NAME, clock.nowMs(), one(4));
  await store.flush();
  assert.deepEqual(await total(await open()), { count: 2, sum: 7 });
  const stored = logs.streams.get("metrics/journal") ?? [];
  // As after a lost acknowledgement.
  stored.push(...stored.map((entry) => ({ ...entry, position: `9${entry.position}` })));
  assert.deepEqual(await total(await open()), { count: 2, sum: 7 });
});

test("minutes are kept 15 days, hours longer, and the series as long", async () => {
  const { clock, keyValue, open } = ground();
  const store = await open();
  const startMs = clock.nowMs() - (clock.nowMs() % HOUR_MS);
  store.add(NAME, startMs, one(1));
  store.add(NAME, startMs + MINUTE_MS, one(2));
  await store.close();
  const kept = await open();
  const series = kept.find(NAME);
  assert.ok(series);
  assert.deepEqual([...(await kept.read(series, ALL, false)).keys()], [startMs, startMs + MINUTE_MS]);
  assert.deepEqual([...(await kept.read(series, ALL, true)).keys()], [startMs]);
  clock.advance(16 * DAY_MS);
  await kept.trim();
  assert.deepEqual(
    [...keyValue.entries.keys()].filter((key) => key.startsWith("metrics/minutes/")),
    [],
  );
  const points = await kept.read(series, ALL, false);
  assert.deepEqual(
    [...points].map(([at, { sum }]) => [at, sum]),
    [[startMs, 3]],
  );
  clock.advance(460 * DAY_MS);
  await kept.trim();
  assert.deepEqual([...keyValue.entries.keys()], ["metrics/sequence"]);
  assert.equal(kept.find(NAME), undefined);
});

test("refuses series beyond the bound", async () => {
  const { clock, keyValue, logs } = ground();
  const store = await MetricStore.open({ clock, keyValue, logs, seriesMax: 2 });
  const add = (namespace: string) => (metricName: string) =>
    store.add({ ...NAME, namespace, metricName }, clock.nowMs(), one(1));
  assert.deepEqual(["a", "b", "c", "a"].map(add("Test")), [true, true, false, true]);
  assert.deepEqual(["a", "b", "c", "a"].map(add("AWS/Lambda")), [true, true, false, true]);
});

test("seconds of high resolution that nobody reads are forgotten after three hours", async () => {
  const { clock, open } = ground();
  const store = await open();
  const addFor = (seconds: number): void => {
    for (let second = 0; second < seconds; second++) {
      clock.advance(1_000);
      store.add(NAME, clock.nowMs(), one(1), true);
    }
  };
  addFor(30_000);
  const series = store.find(NAME);
  assert.ok(series !== undefined);
  assert.ok(series.secondsHeld <= 6 * 3_600, String(series.secondsHeld));
  assert.equal(series.seconds(clock.nowMs()).size, 3 * 3_600 + 1);
  await store.close();
});
