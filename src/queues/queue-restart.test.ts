import assert from "node:assert/strict";
import { beforeEach, describe, test } from "node:test";
import { ManualClock } from "../../test/support/manual-clock.ts";
import { MemoryKeyValueStore } from "../../test/support/memory-store.ts";
import type { HeldMessage } from "./message-shelf.ts";
import type { Queue } from "./queue.ts";
import { Queues } from "./queues.ts";

const OWNER = { account: "000000000000", region: "eu-west-1" };
const VISIBILITY_MS = 30_000;

describe("a queue after a restart", () => {
  let keyValue: MemoryKeyValueStore;
  let clock: ManualClock;
  beforeEach(() => {
    keyValue = new MemoryKeyValueStore();
    clock = new ManualClock();
  });

  async function create(name: string, attributes: Record<string, string> = {}): Promise<Queue> {
    const queues = await Queues.open({ keyValue, clock });
    return queues.create({ owner: { ...OWNER, name }, attributes, tags: {} });
  }
  /** What the next process sees: nothing but the store. */
  const reopen = async (name: string): Promise<Queue> =>
    (await Queues.open({ keyValue, clock })).get({ ...OWNER, name });
  const send = (queue: Queue, body: string, more: object = {}) =>
    queue.send({ body, attributes: {}, senderId: "me", delayMs: 0, ...more });
  const receive = (queue: Queue, more: object = {}): Promise<readonly HeldMessage[]> =>
    queue.receive({
      max: 10,
      waitMs: 0,
      visibilityMs: VISIBILITY_MS,
      signal: new AbortController().signal,
      ...more,
    });
  const keys = (prefix: string): string[] =>
    [...keyValue.entries.keys()].filter((key) => key.startsWith(prefix));

  test("what was received stays out until its time, and is counted on", async () => {
    const before = await create("standard");
    await send(before, "1");
    const [held] = await receive(before);
    assert.ok(held);
    const handle = before.handleOf(held);
    clock.advance(10_000);

    const after = await reopen("standard");
    assert.deepEqual(after.counts(), { visible: 0, notVisible: 1, delayed: 0 });
    assert.deepEqual(await receive(after), []);
    assert.equal(await after.changeVisibility(after.heldBy(handle)!, VISIBILITY_MS), true);
    clock.advance(25_000);

    const third = await reopen("standard");
    assert.deepEqual(await receive(third), []);
    clock.advance(5_000);
    const [again] = await receive(third);
    assert.equal(again?.receiveCount, 2);
    assert.equal(again?.firstReceivedMs, held.firstReceivedMs);
  });

  test("a handle of the earlier process deletes", async () => {
    const before = await create("handles");
    await send(before, "1");
    const [held] = await receive(before);
    const handle = before.handleOf(held!);
    const after = await reopen("handles");
    await after.remove([after.heldBy(handle)!]);
    assert.deepEqual((await reopen("handles")).counts(), { visible: 0, notVisible: 0, delayed: 0 });
    assert.deepEqual(keys("queues/receptions/"), []);
  });

  test("what was received by a part of the program comes back at once, counted", async () => {
    const before = await create("mapped");
    await send(before, "1");
    await receive(before, { endsWithProcess: true });
    const [again] = await receive(await reopen("mapped"));
    assert.equal(again?.receiveCount, 2);
  });

  test("a group of a FIFO queue waits for the message that is out", async () => {
    const before = await create("groups.fifo", { FifoQueue: "true" });
    await send(before, "1", { groupId: "a", deduplicationId: "1" });
    await send(before, "2", { groupId: "a", deduplicationId: "2" });
    const [first] = await receive(before, { max: 1 });
    const handle = before.handleOf(first!);
    const after = await reopen("groups.fifo");
    assert.deepEqual(await receive(after), []);
    await after.remove([after.heldBy(handle)!]);
    assert.deepEqual(
      (await receive(after)).map(({ message }) => message.body),
      ["2"],
    );
  });

  test("a message that was received too often before moves on", async () => {
    const dead = await create("dead");
    const source = await create("alive", {
      RedrivePolicy: JSON.stringify({
        deadLetterTargetArn: `arn:aws:sqs:${OWNER.region}:${OWNER.account}:${dead.record.name}`,
        maxReceiveCount: 1,
      }),
    });
    await send(source, "poison");
    assert.equal((await receive(source, { visibilityMs: 0 })).length, 1);
    const queues = await Queues.open({ keyValue, clock });
    assert.deepEqual(await receive(queues.get({ ...OWNER, name: "alive" })), []);
    const moved = await receive(queues.get({ ...OWNER, name: "dead" }), { waitMs: 1_000 });
    assert.deepEqual(
      moved.map(({ message }) => message.body),
      ["poison"],
    );
  });

  test("an id counts for five minutes, also when its message was deleted", async () => {
    const before = await create("ids.fifo", { FifoQueue: "true" });
    const first = await send(before, "1", { groupId: "a", deduplicationId: "same" });
    await before.remove(await receive(before));
    clock.advance(4 * 60_000);
    const after = await reopen("ids.fifo");
    assert.deepEqual(await send(after, "1", { groupId: "a", deduplicationId: "same" }), first);
    assert.deepEqual(await receive(after), []);
    clock.advance(61_000);
    const third = await reopen("ids.fifo");
    assert.notDeepEqual(await send(third, "1", { groupId: "a", deduplicationId: "same" }), first);
    await third.remove(await receive(third));
    assert.equal(keys("queues/deduplication/").length, 1);
  });
});
