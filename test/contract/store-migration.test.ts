import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { test } from "node:test";
import { systemClock } from "../../src/adapters/clock-system/clock-system.ts";
import { openSqliteStore } from "../../src/adapters/store-sqlite/store-sqlite.ts";
import type { Store } from "../../src/ports/store.ts";

/** Makes a new database what it was with the first schema. */
const BACK_TO_ONE = `
  drop index log_stream_title;
  drop index log_stream_last_event;
  drop index log_stream_first_event;
  drop table log_group;
  create table old_stream (id integer primary key autoincrement, name text not null unique);
  drop table log_stream;
  alter table old_stream rename to log_stream;
  pragma user_version = 1;
`;

function document(stream: {
  groupId: string;
  streamId: string;
  logStreamName: string;
  [known: string]: unknown;
}) {
  const statistics = { storedBytes: 0, disorderMs: 1_024 };
  return Buffer.from(JSON.stringify({ schema: 1, createdAtMs: 1_700_000_000_000, ...statistics, ...stream }));
}

function fill(db: DatabaseSync): void {
  const addEntry = db.prepare("insert into entry values (?, ?, ?)");
  const addStream = db.prepare("insert into log_stream values (?, ?)");
  const addChunk = db.prepare("insert into log_chunk values (?, ?, 1, ?, ?, ?, 0, ?)");
  const addEvent = (position: number, stream: number, timeMs: number, ingestedAtMs: number) =>
    addChunk.run(
      position,
      stream,
      timeMs,
      timeMs,
      ingestedAtMs,
      Buffer.from(`[[${timeMs}],["event ${position}"]]`),
    );
  const known = { firstEventMs: 1_000, lastEventMs: 2_000, lastIngestionMs: 2_500 };
  const streams = [
    {
      groupId: "g1",
      streamId: "aa",
      logStreamName: "ü/[$LATEST]1",
      ...known,
      storedBytes: 70,
      disorderMs: 4_096,
    },
    { groupId: "g1", streamId: "bb", logStreamName: "never written" },
    { groupId: "g2", streamId: "cc", logStreamName: "not noted" },
  ];
  for (const [index, stream] of streams.entries())
    addEntry.run(`logs/streams/${stream.groupId}/${index}`, document(stream), index + 1);
  addEntry.run("logs/groups/123456789012/us-east-1/x", Buffer.from("a group"), 9);
  addStream.run(4, "g1/aa");
  addStream.run(7, "g2/cc");
  addStream.run(8, "metrics/journal");
  addEvent(1, 4, 1_000, 1_500);
  addEvent(2, 4, 2_000, 2_500);
  // Written by a process that was killed before it noted what is known of the stream.
  addEvent(3, 7, 5_000, 5_500);
  addEvent(4, 7, 6_000, 6_500);
  addEvent(5, 8, 1, 1);
  db.exec("update counter set value = 5 where name = 'position'");
}

test("streams of the first schema, whose documents were in the key-value store, are found with all that is known", async (context) => {
  const dataDirectory = await mkdtemp(join(tmpdir(), "lambent-test-migration-"));
  let store: Store | undefined;
  context.after(async () => {
    await store?.close();
    await rm(dataDirectory, { recursive: true, force: true });
  });
  await (await openSqliteStore({ dataDirectory, clock: systemClock })).close();
  const db = new DatabaseSync(join(dataDirectory, "store.sqlite"));
  db.exec(BACK_TO_ONE);
  fill(db);
  db.close();

  store = await openSqliteStore({ dataDirectory, clock: systemClock });
  const { logs, keyValue } = store;
  const first = await logs.findStream("g1", "ü/[$LATEST]1");
  assert.deepEqual(first, {
    id: "g1/aa",
    group: "g1",
    name: "ü/[$LATEST]1",
    createdAtMs: 1_700_000_000_000,
    firstEventMs: 1_000,
    lastEventMs: 2_000,
    lastIngestionMs: 2_500,
    storedBytes: 70,
    disorderMs: 4_096,
  });
  assert.equal((await logs.read("g1/aa", undefined, 10)).length, 2);
  assert.equal((await logs.findStream("g1", "never written"))?.lastEventMs, undefined);
  const late = await logs.findStream("g2", "not noted");
  assert.deepEqual([late?.firstEventMs, late?.lastEventMs, late?.lastIngestionMs], [5_000, 6_000, 6_500]);
  assert.deepEqual(await logs.groupTotals("g1"), { streams: 2, storedBytes: 70 });
  assert.deepEqual((await logs.groupsWithStreams()).sort(), ["g1", "g2"]);
  assert.equal((await logs.read("metrics/journal", undefined, 10)).length, 1);
  assert.deepEqual(await keyValue.list("logs/streams/"), []);
  assert.equal((await keyValue.list("logs/groups/")).length, 1);
  assert.deepEqual(
    await logs.appendToStreams([{ stream: "g2/cc", entries: [{ timestampMs: 7_000, message: "" }] }]),
    [],
  );
});
