import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { ManualClock } from "../../test/support/manual-clock.ts";
import { MemoryLogStore } from "../../test/support/memory-log-store.ts";
import { MemoryKeyValueStore } from "../../test/support/memory-store.ts";
import { compileLogFilter } from "../core/log-filter-pattern.ts";
import { openCloudWatchLogs } from "./cloudwatch-logs.ts";
import { filterLogEvents, type StreamSource, sourceOf } from "./filter-log-events.ts";
import { getLogEvents } from "./get-log-events.ts";
import { putLogEvents } from "./put-log-events.ts";

const GROUP = { account: "123456789012", region: "us-east-1", logGroupName: "g" };
const ALL = { startMs: 0, endMs: Number.MAX_SAFE_INTEGER };

async function open() {
  const clock = new ManualClock();
  const store = new MemoryLogStore(() => clock.nowMs());
  const keyValue = new MemoryKeyValueStore();
  const logs = await openCloudWatchLogs({ logs: store, keyValue, clock });
  const group = await logs.groups.create(GROUP, {});
  const stream = async (name: string) => {
    await logs.groups.openStream(group, name);
    return logs.groups.stream(group, name);
  };
  const put = async (name: string, events: [timestampMs: number, message: string][]) => {
    await stream(name);
    const input = events.map(([timestampMs, message]) => ({ timestampMs, message }));
    return putLogEvents(logs, { ...GROUP, logStreamName: name }, input);
  };
  return { clock, store, logs, group, stream, put };
}

test("GetLogEvents pages in both directions; at the end the token that was passed comes back", async () => {
  const { clock, store, stream, put } = await open();
  const now = clock.nowMs();
  for (let index = 0; index < 10; index++) await put("s", [[now + index, `${index}`]]);
  const state = await stream("s");
  const get = (rest: object) =>
    getLogEvents(store, state, { range: ALL, limit: 4, startFromHead: false, nextToken: undefined, ...rest });
  const texts = ({ events }: { events: readonly { message: string }[] }) =>
    events.map(({ message }) => message);
  const newest = await get({});
  assert.deepEqual(texts(newest), ["6", "7", "8", "9"]);
  const older = await get({ nextToken: newest.nextBackwardToken });
  assert.deepEqual(texts(older), ["2", "3", "4", "5"]);
  const oldest = await get({ nextToken: older.nextBackwardToken });
  assert.deepEqual(texts(oldest), ["0", "1"]);
  const before = await get({ nextToken: oldest.nextBackwardToken });
  assert.deepEqual(texts(before), []);
  assert.equal(before.nextBackwardToken, oldest.nextBackwardToken);
  assert.deepEqual(texts(await get({ nextToken: before.nextForwardToken })), ["0", "1", "2", "3"]);
  const end = await get({ nextToken: newest.nextForwardToken });
  assert.deepEqual(texts(end), []);
  assert.equal(end.nextForwardToken, newest.nextForwardToken);
  assert.deepEqual(texts(await get({ nextToken: end.nextBackwardToken })), ["6", "7", "8", "9"]);
  await put("s", [[now + 20, "new"]]);
  assert.deepEqual(texts(await get({ nextToken: end.nextForwardToken })), ["new"]);
  const head = await get({ startFromHead: true });
  assert.deepEqual(texts(head), ["0", "1", "2", "3"]);
  const range = { startMs: now + 3, endMs: now + 5 };
  assert.deepEqual(texts(await get({ range, startFromHead: true })), ["3", "4"]);
  assert.deepEqual(texts(await get({ range })), ["3", "4"]);
  await assert.rejects(get({ nextToken: "x/1" }), /nextToken is invalid/);
});

test("an empty stream gives tokens that find what is written later", async () => {
  const { clock, store, stream, put } = await open();
  const state = await stream("s");
  const get = (nextToken?: string) =>
    getLogEvents(store, state, { range: ALL, limit: undefined, startFromHead: true, nextToken });
  const empty = await get();
  const again = await get(empty.nextForwardToken);
  assert.equal(again.nextForwardToken, empty.nextForwardToken);
  await put("s", [[clock.nowMs(), "one"]]);
  assert.equal((await get(again.nextForwardToken)).events.length, 1);
});

test("property: FilterLogEvents gives every event of the range once, in order, whatever the pages", async () => {
  const event = fc.record({
    stream: fc.constantFrom("a", "b", "c"),
    offset: fc.oneof(fc.nat(5), fc.nat(5000)),
    odd: fc.boolean(),
  });
  await fc.assert(
    fc.asyncProperty(
      fc.array(event, { maxLength: 60 }),
      fc.integer({ min: 1, max: 7 }),
      fc.nat(3000),
      async (events, limit, from) => {
        const { clock, store, stream, put, group } = await open();
        const base = clock.nowMs() - 10_000;
        const range = { startMs: base + from, endMs: base + 4000 };
        for (const [index, { stream: name, offset, odd }] of events.entries()) {
          await put(name, [[base + offset, `${index} ${odd ? "odd" : "even"}`]]);
        }
        for (const name of ["a", "b", "c"]) await stream(name);
        const streams: StreamSource = (part, after) =>
          store.streamsByFirstEvent(group.groupId, { ...part, prefix: "", after, limit: 2 });
        const found: { eventId: string; timestampMs: number; message: string }[] = [];
        let nextToken: string | undefined;
        do {
          const page = await filterLogEvents(store, {
            streams,
            range,
            filter: compileLogFilter("odd"),
            limit,
            nextToken,
          });
          assert.ok(page.events.length <= limit);
          for (const { eventId, entry } of page.events) found.push({ eventId, ...entry });
          ({ nextToken } = page);
        } while (nextToken !== undefined);
        const expected = events
          .map(({ offset, odd }, index) => ({ at: base + offset, odd, index }))
          .filter(({ at, odd }) => odd && at >= range.startMs && at < range.endMs)
          .map(({ index }) => `${index} odd`);
        assert.deepEqual(found.map(({ message }) => message).sort(), expected.sort());
        assert.equal(new Set(found.map(({ eventId }) => eventId)).size, found.length);
        const times = found.map(({ timestampMs }) => timestampMs);
        assert.deepEqual(
          times,
          [...times].sort((left, right) => left - right),
        );
      },
    ),
    { numRuns: 200 },
  );
});

test("FilterLogEvents on recent events of a long stream reads little, and streams without any not at all", async () => {
  const { clock, store, stream, logs, group } = await open();
  const now = clock.nowMs();
  const entries = Array.from({ length: 20_000 }, (_, index) => ({
    timestampMs: now + index * 100,
    message: `${index}`,
  }));
  for (const name of ["long", "old"]) {
    const { id } = await stream(name);
    const some = name === "old" ? entries.slice(0, 10) : entries;
    await store.appendToStreams([{ stream: id, entries: some }]);
  }
  store.reads = 0;
  const startMs = now + 19_990 * 100;
  const streams = sourceOf(await Promise.all(["long", "old"].map((name) => logs.groups.stream(group, name))));
  const filter = undefined;
  const range = { startMs, endMs: ALL.endMs };
  const { events, nextToken } = await filterLogEvents(store, {
    streams,
    range,
    filter,
    limit: undefined,
    nextToken: undefined,
  });
  assert.equal(events.length, 10);
  assert.equal(nextToken, undefined);
  assert.ok(store.reads <= 3, `${store.reads} reads`);
});

test("PutLogEvents checks batches as AWS does", async () => {
  const { clock, put, logs, stream } = await open();
  const now = clock.nowMs();
  const hours = 3_600_000;
  await assert.rejects(
    put("s", [
      [now, "b"],
      [now - 1, "a"],
    ]),
    /must be in chronological order/,
  );
  await assert.rejects(
    put("s", [
      [now - 25 * hours, "a"],
      [now, "b"],
    ]),
    /cannot span more than 24 hours/,
  );
  await assert.rejects(
    put("s", [[now, "x".repeat(1_048_576)]]),
    /Upload too large: 1048602 bytes exceeds limit of 1048576/,
  );
  const old = await put("s", [
    [now - 15 * 24 * hours, "a"],
    [now - 14.5 * 24 * hours, "b"],
  ]);
  assert.deepEqual(old, { tooOldEnd: 2, expiredEnd: undefined, tooNewStart: undefined });
  const future = await put("s", [
    [now, "a"],
    [now + 3 * hours, "b"],
  ]);
  assert.equal(future.tooNewStart, 1);
  assert.equal((await stream("s")).lastEventMs, now);
  await assert.rejects(
    putLogEvents(logs, { ...GROUP, logStreamName: "absent" }, []),
    /The specified log stream does not exist\./,
  );
  await assert.rejects(
    putLogEvents(logs, { ...GROUP, logGroupName: "absent", logStreamName: "s" }, []),
    /The specified log group does not exist\./,
  );
});

test("a deleted group is gone before all of it is removed, and what is left does not come back", async () => {
  const { clock, store, logs, group, put } = await open();
  for (let index = 0; index < 9; index++) await put(`s${index}`, [[clock.nowMs(), "old"]]);
  await logs.groups.delete(GROUP);
  assert.throws(() => logs.groups.group(GROUP), /The specified log group does not exist\./);
  assert.ok((await store.groupTotals(group.groupId)).streams > 0);
  const again = await logs.groups.create(GROUP, {});
  assert.deepEqual(await store.groupTotals(again.groupId), { streams: 0, storedBytes: 0 });
  await logs.close();
  assert.ok((await store.groupTotals(group.groupId)).streams > 0);
});

test("retention removes old events, then the streams that it left empty, and what deletions left over", async () => {
  const { clock, store, logs, group, put, stream } = await open();
  const day = 86_400_000;
  await put("s", [[clock.nowMs(), "old"]]);
  clock.advance(2 * day);
  await put("s", [[clock.nowMs(), "new"]]);
  await logs.groups.update(GROUP, (stored) => ({ ...stored, retentionDays: 1 }));
  await logs.groups.trimExpired();
  const name = (await stream("s")).id;
  assert.deepEqual(
    (await store.read(name, undefined, 10)).map(({ message }) => message),
    ["new"],
  );
  clock.advance(2 * day);
  await logs.groups.trimExpired();
  assert.equal(await store.findStream(group.groupId, "s"), undefined);
  assert.equal(store.streams.has(name), false);
  await put("s", [[clock.nowMs(), "orphan"]]);
  const orphan = (await stream("s")).id;
  await logs.catalogue.deleteGroup(GROUP);
  await logs.groups.trimExpired();
  assert.equal(store.streams.has(orphan), false);
  assert.deepEqual(await store.groupsWithStreams(), []);
});
