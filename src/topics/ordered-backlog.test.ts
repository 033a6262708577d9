import assert from "node:assert/strict";
import { test } from "node:test";
import { setImmediate as turn } from "node:timers/promises";
import { ManualClock } from "../../test/support/manual-clock.ts";
import { MemoryKeyValueStore } from "../../test/support/memory-store.ts";
import { DeliveryRefused } from "../ports/event-targets.ts";
import type { Notification } from "./notification.ts";
import { OrderedBacklog } from "./ordered-backlog.ts";

const SUBSCRIPTION = "arn:aws:sns:eu-west-1:000000000000:topic.fifo:1";

function fixture() {
  const keyValue = new MemoryKeyValueStore();
  const clock = new ManualClock();
  const delivered: string[] = [];
  const givenUp: string[] = [];
  const state: { failure: Error | undefined } = { failure: new Error("busy") };
  const open = async (): Promise<OrderedBacklog> => {
    const backlog = new OrderedBacklog({
      keyValue,
      clock,
      failed: (error) => assert.fail(String(error)),
      deliver: async (_arn, { message }) => {
        if (state.failure !== undefined) throw state.failure;
        delivered.push(message);
      },
      giveUp: async (_arn, { message }, { code }) => void givenUp.push(`${message} ${code}`),
    });
    await backlog.load();
    return backlog;
  };
  const notification = (message: string, groupId: string, number: number): Notification => ({
    messageId: message,
    topicArn: SUBSCRIPTION.slice(0, -2),
    subject: undefined,
    message,
    attributes: {},
    timestampMs: clock.nowMs(),
    sequenceNumber: String(number).padStart(20, "0"),
    groupId,
    host: "localhost",
  });
  return { keyValue, clock, delivered, givenUp, state, open, notification };
}

/** Longer than any pause between two attempts. */
const PAUSE_MS = 20_000;

test("what a queue refuses for a time comes before all later messages of its group", async () => {
  const { keyValue, clock, delivered, state, open, notification } = fixture();
  const backlog = await open();
  backlog.start();
  for (const [index, message] of ["a1", "a2", "b1", "a3"].entries())
    await backlog.add(SUBSCRIPTION, notification(message, message.slice(0, 1), index));
  assert.equal(backlog.holds(SUBSCRIPTION, notification("a4", "a", 4)), true);
  assert.equal(backlog.holds(SUBSCRIPTION, notification("c1", "c", 4)), false);
  clock.advance(PAUSE_MS);
  await turn();
  assert.equal(delivered.length, 0);
  state.failure = undefined;
  clock.advance(PAUSE_MS);
  await turn();
  assert.deepEqual(
    delivered.filter((message) => message.startsWith("a")),
    ["a1", "a2", "a3"],
  );
  assert.equal(delivered.length, 4);
  assert.equal(backlog.holds(SUBSCRIPTION, notification("a4", "a", 4)), false);
  assert.deepEqual([...keyValue.entries.keys()], []);
});

test("waits over a restart, and what is refused for good makes room", async () => {
  const { clock, delivered, givenUp, state, open, notification } = fixture();
  const before = await open();
  await before.add(SUBSCRIPTION, notification("1", "a", 1));
  await before.add(SUBSCRIPTION, notification("2", "a", 2));
  before.close();
  const after = await open();
  assert.equal(after.holds(SUBSCRIPTION, notification("3", "a", 3)), true);
  state.failure = new DeliveryRefused("AccessDenied", "no");
  after.start();
  await turn();
  assert.deepEqual(givenUp, ["1 AccessDenied", "2 AccessDenied"]);
  state.failure = undefined;
  clock.advance(PAUSE_MS);
  await turn();
  assert.deepEqual(delivered, []);
});
