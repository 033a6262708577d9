import assert from "node:assert/strict";
import { test } from "node:test";
import { Conflict, type LogStreamRecord, type LogStreamStore, type Store } from "../../src/ports/store.ts";
import type { StoreUnderTest } from "./store-contract.ts";
import { describeStore } from "./store-suite.ts";

const names = (streams: readonly LogStreamRecord[]): string[] => streams.map(({ name }) => name);
const WHENEVER = { prefix: "", startMs: 0, endMs: Number.MAX_SAFE_INTEGER };

async function create(logs: LogStreamStore, group: string, name: string, createdAtMs = 1): Promise<string> {
  const id = `${group}/id-of-${names(await everything(logs, group)).length}-${createdAtMs}`;
  await logs.createStream({ id, group, name, createdAtMs });
  return id;
}

const everything = (logs: LogStreamStore, group: string): Promise<LogStreamRecord[]> =>
  logs.streamsByName(group, { prefix: "", after: undefined, descending: false, limit: 1_000_000 });

const write = (logs: LogStreamStore, stream: string, ...timestampsMs: number[]): Promise<readonly string[]> =>
  logs.appendToStreams([
    { stream, entries: timestampsMs.map((timestampMs) => ({ timestampMs, message: "four" })) },
  ]);

/** Every page of a list that goes on behind its last stream. */
async function pages<After>(
  read: (after: After | undefined) => Promise<LogStreamRecord[]>,
  afterOf: (last: LogStreamRecord) => After,
): Promise<string[]> {
  const all: string[] = [];
  for (let after: After | undefined; ; ) {
    const page = await read(after);
    const last = page.at(-1);
    if (last === undefined) return all;
    all.push(...names(page));
    after = afterOf(last);
  }
}

export function describeLogStreams(name: string, open: () => Promise<StoreUnderTest>): void {
  describeStore(`${name}: log streams that can be found`, open, (store) => {
    testRecords(store);
    testLists(store);
    testRemoval(store);
  });
}

function testRecords(store: () => Store): void {
  test("what is known of a stream follows its entries", async () => {
    const { logs } = store();
    const id = await create(logs, "known", "s", 500);
    const none = { firstEventMs: undefined, lastEventMs: undefined, lastIngestionMs: undefined };
    const made = { id, group: "known", name: "s", createdAtMs: 500 };
    assert.deepEqual(await logs.findStream("known", "s"), {
      ...made,
      ...none,
      storedBytes: 0,
      disorderMs: 1_024,
    });
    const beforeMs = Date.now();
    assert.deepEqual(await write(logs, id, 20_000, 21_000), []);
    const first = await logs.findStream("known", "s");
    assert.deepEqual([first?.firstEventMs, first?.lastEventMs, first?.storedBytes], [20_000, 21_000, 60]);
    assert.ok((first?.lastIngestionMs ?? 0) >= beforeMs - 1);
    await write(logs, id, 19_000, 30_000, 25_000);
    const second = await logs.findStream("known", "s");
    assert.deepEqual([second?.firstEventMs, second?.lastEventMs, second?.storedBytes], [19_000, 30_000, 150]);
    assert.equal(second?.disorderMs, 5_000);
    await write(logs, id, 22_000);
    assert.equal((await logs.findStream("known", "s"))?.disorderMs, 8_000);
    await write(logs, id, 31_000);
    assert.deepEqual(await logs.groupTotals("known"), { streams: 1, storedBytes: 210 });
    assert.equal((await logs.read(id, undefined, 100)).length, 7);
  });

  test("a name is there once in its group; the first stream of a group is told", async () => {
    const { logs } = store();
    const stream = (id: string, group: string, name: string) => ({ id, group, name, createdAtMs: 1 });
    assert.deepEqual(await logs.createStream(stream("once/1", "once", "s")), { isFirst: true });
    assert.deepEqual(await logs.createStream(stream("once/2", "once", "t")), { isFirst: false });
    await assert.rejects(logs.createStream(stream("once/3", "once", "s")), Conflict);
    assert.deepEqual(await logs.createStream(stream("other/1", "other", "s")), { isFirst: true });
    assert.equal((await logs.findStream("once", "s"))?.id, "once/1");
    assert.equal(await logs.findStream("once", "absent"), undefined);
    assert.equal(await logs.findStream("absent", "s"), undefined);
    const isFirst = await Promise.all(
      ["a", "b", "c"].map((name) => logs.createStream(stream(`burst/${name}`, "burst", name))),
    );
    assert.equal(isFirst.filter((answer) => answer.isFirst).length, 1);
    assert.deepEqual(await logs.groupTotals("burst"), { streams: 3, storedBytes: 0 });
    assert.deepEqual(await logs.groupTotals("absent"), { streams: 0, storedBytes: 0 });
  });

  test("streams that only `append` knows are none of them", async () => {
    const { logs } = store();
    await logs.append([{ stream: "plain/s", entries: [{ timestampMs: 1, message: "" }] }]);
    assert.deepEqual(await everything(logs, "plain"), []);
    assert.ok(!(await logs.groupsWithStreams()).includes("plain"));
  });
}

function testLists(store: () => Store): void {
  test("by name, with a prefix, in both directions, in pages of every size", async () => {
    const { logs } = store();
    const made = [
      "",
      "2026/a",
      "2026/b",
      "2026/b%",
      "2026/b_c",
      "2026/\u00fc",
      "2026/\u{1f600}",
      "2027/[$LATEST]",
    ];
    const given = made.filter((name) => name !== "");
    for (const name of given.toReversed()) await create(logs, "names", name);
    const list = (prefix: string, descending: boolean, limit: number) =>
      pages(
        (after: string | undefined) => logs.streamsByName("names", { prefix, after, descending, limit }),
        ({ name }) => name,
      );
    for (const limit of [1, 2, 3, 100]) {
      assert.deepEqual(await list("", false, limit), given);
      assert.deepEqual(await list("", true, limit), given.toReversed());
      assert.deepEqual(await list("2026/b", false, limit), ["2026/b", "2026/b%", "2026/b_c"]);
      assert.deepEqual(await list("2026/b", true, limit), ["2026/b_c", "2026/b%", "2026/b"]);
      assert.deepEqual(await list("2026/\u{1f600}", false, limit), ["2026/\u{1f600}"]);
      assert.deepEqual(await list("2028", false, limit), []);
    }
  });

  test("by the last event, names where the times are the same", async () => {
    const { logs } = store();
    const times: Record<string, number | undefined> = {
      a: 50,
      b: undefined,
      c: 70,
      d: 50,
      e: undefined,
      f: 60,
    };
    for (const [name, timeMs] of Object.entries(times)) {
      const id = await create(logs, "times", name);
      if (timeMs !== undefined) await write(logs, id, timeMs - 1, timeMs);
    }
    const list = (descending: boolean, limit: number) =>
      pages(
        (after: { lastEventMs: number; name: string } | undefined) =>
          logs.streamsByLastEvent("times", { after, descending, limit }),
        ({ lastEventMs = 0, name }) => ({ lastEventMs, name }),
      );
    for (const limit of [1, 2, 3, 100]) {
      assert.deepEqual((await list(false, limit)).join(""), "beadfc");
      assert.deepEqual((await list(true, limit)).join(""), "cfdaeb");
    }
  });

  test("by the first event, those that may have some in a range", async () => {
    const { logs } = store();
    const ranges: Record<string, [number, number]> = {
      early: [10_000, 11_000],
      long: [10_000, 90_000],
      late: [80_000, 81_000],
    };
    for (const [name, timesMs] of Object.entries(ranges))
      await write(logs, await create(logs, "ranges", name), ...timesMs);
    await create(logs, "ranges", "empty", 40_000);
    const list = (startMs: number, endMs: number, prefix = "", limit = 100) =>
      pages(
        (after: LogStreamRecord | undefined) =>
          logs.streamsByFirstEvent("ranges", { prefix, startMs, endMs, after, limit }),
        (last) => last,
      );
    for (const limit of [1, 2, 100]) {
      assert.deepEqual(await list(0, 1e9, "", limit), ["early", "long", "empty", "late"]);
      assert.deepEqual(await list(30_000, 50_000, "", limit), ["long", "empty"]);
      assert.deepEqual(await list(12_024, 12_100, "", limit), ["early", "long"]);
      assert.deepEqual(await list(12_025, 12_100, "", limit), ["long"]);
      assert.deepEqual(await list(0, 1e9, "l", limit), ["long", "late"]);
    }
    assert.deepEqual(await list(0, 8_976), []);
    assert.deepEqual(await list(0, 8_977), ["early", "long"]);
  });
}

function testRemoval(store: () => Store): void {
  test("a dropped stream is gone from its group, and what comes for it is not taken", async () => {
    const { logs } = store();
    const a = await create(logs, "drop-streams", "a");
    const b = await create(logs, "drop-streams", "b");
    await write(logs, a, 1);
    await write(logs, b, 1);
    await logs.drop(a);
    assert.deepEqual(names(await everything(logs, "drop-streams")), ["b"]);
    assert.deepEqual(await logs.groupTotals("drop-streams"), { streams: 1, storedBytes: 30 });
    const gone = await logs.appendToStreams([
      { stream: a, entries: [{ timestampMs: 1, message: "lost" }] },
      { stream: b, entries: [{ timestampMs: 1, message: "kept" }] },
    ]);
    assert.deepEqual(gone, [a]);
    assert.deepEqual(await logs.read(a, undefined, 10), []);
    assert.equal((await logs.read(b, undefined, 10)).length, 2);
    await logs.createStream({ id: "drop-streams/again", group: "drop-streams", name: "a", createdAtMs: 2 });
    assert.equal((await logs.findStream("drop-streams", "a"))?.createdAtMs, 2);
    await logs.drop("drop-streams/again");
    await logs.drop(b);
    assert.ok(!(await logs.groupsWithStreams()).includes("drop-streams"));
  });

  test("a group of many streams and entries is dropped whole, and no other one", async () => {
    const { logs } = store();
    const ids = Array.from({ length: 1_300 }, (_, index) => `many/${index}`);
    await Promise.all(ids.map((id) => logs.createStream({ id, group: "many", name: id, createdAtMs: 1 })));
    await Promise.all(ids.map((id) => write(logs, id, 1, 2)));
    await Promise.all(Array.from({ length: 1_200 }, (_, index) => write(logs, "many/7", index)));
    const beside = await create(logs, "many-beside", "s");
    await write(logs, beside, 1);
    assert.equal((await logs.groupTotals("many")).streams, 1_300);
    while (await logs.dropSome("many"));
    assert.deepEqual(await logs.groupTotals("many"), { streams: 0, storedBytes: 0 });
    assert.deepEqual(await everything(logs, "many"), []);
    assert.deepEqual(await logs.read("many/7", undefined, 10), []);
    assert.deepEqual(await write(logs, "many/7", 1), ["many/7"]);
    assert.equal((await logs.read(beside, undefined, 10)).length, 1);
    assert.ok((await logs.groupsWithStreams()).includes("many-beside"));
    assert.equal(await logs.dropSome("never"), false);
  });

  test("trimming is known of a stream", async () => {
    const { logs } = store();
    const id = await create(logs, "trimmed", "s");
    await write(logs, id, 1_000, 2_000, 3_000, 5_000);
    await logs.trim(id, 3_000);
    const stream = await logs.findStream("trimmed", "s");
    assert.deepEqual([stream?.firstEventMs, stream?.lastEventMs, stream?.storedBytes], [3_000, 5_000, 60]);
    assert.deepEqual(await logs.groupTotals("trimmed"), { streams: 1, storedBytes: 60 });
    await logs.trim(id, 2_000);
    assert.equal((await logs.findStream("trimmed", "s"))?.firstEventMs, 3_000);
    const after = await logs.streamsByFirstEvent("trimmed", {
      ...WHENEVER,
      endMs: 1_976,
      after: undefined,
      limit: 9,
    });
    assert.deepEqual(after, []);
  });
}
