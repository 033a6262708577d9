import assert from "node:assert/strict";
import { test } from "node:test";
import type { LogEntry, LogStore, NewLogEntry, Store } from "../../src/ports/store.ts";
import type { StoreUnderTest } from "./store-contract.ts";
import { describeStore } from "./store-suite.ts";

const numbered = (from: number, to: number): NewLogEntry[] =>
  Array.from({ length: to - from }, (_, index) => ({
    timestampMs: 1_000_000 + from + index,
    message: `line ${from + index}\n`,
  }));

const messages = (entries: readonly LogEntry[]): string[] => entries.map((entry) => entry.message);

async function readAll(logs: LogStore, stream: string, pageSize: number): Promise<LogEntry[]> {
  const all: LogEntry[] = [];
  for (;;) {
    const page = await logs.read(stream, all.at(-1)?.position, pageSize);
    assert.ok(page.length <= pageSize);
    if (page.length === 0) {
      return all;
    }
    all.push(...page);
  }
}

async function readAllBackwards(logs: LogStore, stream: string, pageSize: number): Promise<LogEntry[]> {
  const all: LogEntry[] = [];
  for (;;) {
    const page = await logs.readBackwards(stream, all[0]?.position, pageSize);
    assert.ok(page.length <= pageSize);
    if (page.length === 0) {
      return all;
    }
    all.unshift(...page);
  }
}

export function describeLogs(name: string, open: () => Promise<StoreUnderTest>): void {
  describeStore(`${name}: logs`, open, (store) => {
    testReading(store);
    testRemoval(store);
  });
}

function testReading(store: () => Store): void {
  test("entries come back as appended, with the time of their arrival", async () => {
    const { logs } = store();
    const beforeMs = Date.now();
    const appended = [
      { timestampMs: 5, message: "later one first\n" },
      { timestampMs: 3, message: "" },
      { timestampMs: Date.now(), message: "ünïcode \u0000 \ud800 \u{1f600}\t\r\n" },
    ];
    await logs.append([{ stream: "group/as appended", entries: appended }]);
    const entries = await logs.read("group/as appended", undefined, 10);
    assert.deepEqual(
      entries.map(({ timestampMs, message }) => ({ timestampMs, message })),
      appended,
    );
    assert.ok(
      entries.every(({ ingestedAtMs }) => ingestedAtMs >= beforeMs - 1 && ingestedAtMs <= Date.now() + 1),
    );
  });

  test("an absent stream is empty", async () => {
    const { logs } = store();
    assert.deepEqual(await logs.read("group/absent", undefined, 10), []);
    assert.deepEqual(await logs.readBackwards("group/absent", undefined, 10), []);
    await logs.append([]);
    await logs.append([{ stream: "group/absent", entries: [] }]);
    assert.deepEqual(await logs.read("group/absent", undefined, 10), []);
  });

  test("pages of every size go through a stream in order, forwards and backwards", async () => {
    const { logs } = store();
    const stream = "group/pages";
    for (const [from, to] of [
      [0, 1],
      [1, 50],
      [50, 53],
      [53, 200],
    ] as const) {
      // Another stream in between, so that this one's entries do not lie together.
      await logs.append([
        { stream: "group/pages beside", entries: numbered(0, 7) },
        { stream, entries: numbered(from, to) },
      ]);
    }
    const expected = messages(numbered(0, 200) as LogEntry[]);
    for (const pageSize of [1, 7, 50, 199, 200, 1_000]) {
      const forwards = await readAll(logs, stream, pageSize);
      assert.deepEqual(messages(forwards), expected, `forwards by ${pageSize}`);
      assert.deepEqual(await readAllBackwards(logs, stream, pageSize), forwards, `backwards by ${pageSize}`);
    }
  });

  test("both directions meet at a position, and positions order the entries", async () => {
    const { logs } = store();
    await logs.append([{ stream: "group/position", entries: numbered(0, 20) }]);
    const all = await logs.read("group/position", undefined, 100);
    const middle = all[9]!.position;
    assert.deepEqual(messages(await logs.read("group/position", middle, 100)), messages(all.slice(10)));
    assert.deepEqual(
      messages(await logs.readBackwards("group/position", middle, 3)),
      messages(all.slice(6, 9)),
    );
    const positions = all.map((entry) => entry.position);
    assert.deepEqual(positions.toSorted(), positions);
    assert.equal(new Set(positions).size, 20);
    assert.deepEqual(await logs.read("group/position", all.at(-1)!.position, 10), []);
    await logs.append([{ stream: "group/position", entries: numbered(20, 22) }]);
    assert.deepEqual(messages(await logs.read("group/position", all.at(-1)!.position, 10)), [
      "line 20\n",
      "line 21\n",
    ]);
  });

  test("entries of one call stay together and in order, also many and large ones", async () => {
    const { logs } = store();
    const entries = Array.from({ length: 2_500 }, (_, index) => ({
      timestampMs: index,
      message: `${index}:${"x".repeat(index % 500 === 0 ? 200_000 : 20)}`,
    }));
    const beside = (mark: string): NewLogEntry[] =>
      numbered(0, 100).map((entry) => ({ ...entry, message: mark }));
    await Promise.all([
      logs.append([{ stream: "group/together", entries: beside("before") }]),
      logs.append([{ stream: "group/together", entries }]),
      logs.append([{ stream: "group/together", entries: beside("after") }]),
    ]);
    const all = messages(await readAll(logs, "group/together", 700));
    assert.equal(all.length, 2_700);
    const start = all.indexOf(entries[0]!.message);
    assert.deepEqual(all.slice(start, start + 2_500), messages(entries as LogEntry[]));
  });

  test("a position that the store did not make is refused", async () => {
    const { logs } = store();
    await assert.rejects(logs.read("group/position", "no position", 1), TypeError);
    await assert.rejects(logs.readBackwards("group/position", "-1", 1), TypeError);
  });
}

function testRemoval(store: () => Store): void {
  test("drop removes a stream and nothing else, and the name can be used again", async () => {
    const { logs } = store();
    await logs.append([
      { stream: "drop/a", entries: numbered(0, 10) },
      { stream: "drop/a/b", entries: numbered(0, 10) },
    ]);
    const lastPosition = (await logs.read("drop/a", undefined, 10)).at(-1)!.position;
    await logs.drop("drop/a");
    assert.deepEqual(await logs.read("drop/a", undefined, 10), []);
    assert.equal((await logs.read("drop/a/b", undefined, 100)).length, 10);
    await logs.drop("drop/a");
    await logs.drop("drop/never");
    await logs.append([{ stream: "drop/a", entries: numbered(10, 12) }]);
    // One who still has a position of the dropped stream misses nothing of the new one.
    assert.deepEqual(messages(await logs.read("drop/a", lastPosition, 10)), ["line 10\n", "line 11\n"]);
  });

  test("a stream of many calls is dropped whole", async () => {
    const { logs } = store();
    const appends = Array.from({ length: 1_200 }, (_, index) =>
      logs.append([{ stream: "drop/many", entries: numbered(index, index + 1) }]),
    );
    await Promise.all(appends);
    assert.equal((await logs.readBackwards("drop/many", undefined, 2_000)).length, 1_200);
    await logs.drop("drop/many");
    assert.deepEqual(await logs.readBackwards("drop/many", undefined, 10), []);
  });

  test("trim drops exactly the entries older than the instant; the others keep their positions", async () => {
    const { logs } = store();
    const stream = "trim/a";
    await logs.append([{ stream, entries: numbered(0, 10) }]);
    await logs.append([{ stream, entries: numbered(10, 20).reverse() }]);
    await logs.append([{ stream, entries: numbered(20, 30) }]);
    await logs.append([{ stream: "trim/b", entries: numbered(0, 10) }]);
    const all = await logs.read(stream, undefined, 100);
    for (const beforeMs of [1_000_005, 1_000_015, 1_000_020, 1_000_028]) {
      await logs.trim(stream, beforeMs);
      const kept = all.filter((entry) => entry.timestampMs >= beforeMs);
      assert.deepEqual(await readAll(logs, stream, 3), kept, `forwards after ${beforeMs}`);
      assert.deepEqual(await readAllBackwards(logs, stream, 3), kept, `backwards after ${beforeMs}`);
    }
    assert.equal((await logs.read("trim/b", undefined, 100)).length, 10);
    await logs.trim(stream, 2_000_000);
    assert.deepEqual(await logs.read(stream, undefined, 10), []);
    await logs.append([{ stream, entries: numbered(0, 1) }]);
    assert.deepEqual(messages(await logs.read(stream, all.at(-1)!.position, 10)), ["line 0\n"]);
    await logs.trim("trim/never", 1);
  });
}
