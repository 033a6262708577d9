import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import {
  CancelReplayCommand,
  CreateArchiveCommand,
  DeleteArchiveCommand,
  DescribeArchiveCommand,
  DescribeReplayCommand,
  IllegalStatusException,
  ListArchivesCommand,
  ListReplaysCommand,
  PutEventsCommand,
  PutRuleCommand,
  PutTargetsCommand,
  ResourceAlreadyExistsException,
  ResourceNotFoundException,
  StartReplayCommand,
  UpdateArchiveCommand,
} from "@aws-sdk/client-eventbridge";
import { type EventsEndpoint, openEventsEndpoint } from "../support/events-endpoint.ts";

const BUS = "arn:aws:events:eu-west-1:000000000000:event-bus/default";
const ARCHIVE = "arn:aws:events:eu-west-1:000000000000:archive/all";
const QUEUE = "arn:aws:sqs:eu-west-1:000000000000:";

let bridge: EventsEndpoint;
before(async () => {
  bridge = await openEventsEndpoint();
  for (const Name of ["one", "two"]) {
    await bridge.events.send(new PutRuleCommand({ Name, EventPattern: '{"source":["shop"]}' }));
    const Targets = [{ Id: "q", Arn: QUEUE + Name }];
    await bridge.events.send(new PutTargetsCommand({ Rule: Name, Targets }));
  }
});
after(() => bridge.close());

test("an archive keeps what matches, and a replay brings it back, to the rules that it names", async () => {
  const { events, clock } = bridge;
  const EventPattern = '{"detail":{"keep":[true]}}';
  const created = await events.send(
    new CreateArchiveCommand({ ArchiveName: "all", EventSourceArn: BUS, EventPattern, RetentionDays: 3 }),
  );
  assert.deepEqual([created.ArchiveArn, created.State], [ARCHIVE, "ENABLED"]);
  await assert.rejects(
    events.send(new CreateArchiveCommand({ ArchiveName: "all", EventSourceArn: BUS })),
    ResourceAlreadyExistsException,
  );
  const entry = { Source: "shop", DetailType: "order" };
  const startMs = clock.nowMs();
  const Entries = [1, 2, 3].map((id) => ({ ...entry, Detail: JSON.stringify({ id, keep: id !== 2 }) }));
  await events.send(new PutEventsCommand({ Entries }));
  await bridge.advance(60_000);
  await events.send(new PutEventsCommand({ Entries: [{ ...entry, Detail: '{"id":4,"keep":true}' }] }));
  await bridge.settle();
  const archive = await events.send(new DescribeArchiveCommand({ ArchiveName: "all" }));
  assert.deepEqual([archive.EventCount, archive.RetentionDays, archive.EventPattern], [3, 3, EventPattern]);
  assert.ok((archive.SizeBytes ?? 0) > 300);

  bridge.arrived.length = 0;
  const replay = {
    ReplayName: "again",
    EventSourceArn: ARCHIVE,
    EventStartTime: new Date(startMs),
    EventEndTime: new Date(startMs + 60_000),
    Destination: { Arn: BUS, FilterArns: ["arn:aws:events:eu-west-1:000000000000:rule/two"] },
  };
  const started = await events.send(new StartReplayCommand(replay));
  assert.equal(started.State, "STARTING");
  await bridge.settle();
  const { State, EventLastReplayedTime } = await events.send(
    new DescribeReplayCommand({ ReplayName: "again" }),
  );
  assert.equal(State, "COMPLETED");
  assert.equal(EventLastReplayedTime?.getTime(), startMs);
  assert.deepEqual(
    bridge.arrived.map(({ arn, delivery }) => {
      const { detail, "replay-name": name } = JSON.parse(String(delivery.body));
      return [arn, detail.id, name];
    }),
    [
      [`${QUEUE}two`, 1, "again"],
      [`${QUEUE}two`, 3, "again"],
    ],
  );
  // What was replayed is not kept once more.
  const { Archives } = await events.send(new ListArchivesCommand({ NamePrefix: "a" }));
  assert.deepEqual(
    Archives?.map(({ ArchiveName, EventCount }) => [ArchiveName, EventCount]),
    [["all", 3]],
  );
  const { Replays } = await events.send(new ListReplaysCommand({ State: "COMPLETED" }));
  assert.deepEqual(
    Replays?.map(({ ReplayName }) => ReplayName),
    ["again"],
  );
  await assert.rejects(events.send(new CancelReplayCommand({ ReplayName: "again" })), IllegalStatusException);
  await assert.rejects(
    events.send(new StartReplayCommand({ ...replay, ReplayName: "x", Destination: { Arn: `${BUS}2` } })),
    /Cross event bus replay is not permitted/,
  );
});

test("an archive is changed, forgets what is old, and is deleted", async () => {
  const { events } = bridge;
  await events.send(new UpdateArchiveCommand({ ArchiveName: "all", RetentionDays: 1, Description: "short" }));
  await bridge.advance(2 * 86_400_000);
  const Detail = '{"keep":true}';
  await events.send(new PutEventsCommand({ Entries: [{ Source: "shop", DetailType: "d", Detail }] }));
  const archive = await events.send(new DescribeArchiveCommand({ ArchiveName: "all" }));
  assert.deepEqual([archive.EventCount, archive.Description], [1, "short"]);
  await events.send(new DeleteArchiveCommand({ ArchiveName: "all" }));
  await assert.rejects(
    events.send(new DescribeArchiveCommand({ ArchiveName: "all" })),
    ResourceNotFoundException,
  );
});
