import assert from "node:assert/strict";
import { test } from "node:test";
import { ManualClock } from "../../test/support/manual-clock.ts";
import type { Lease, LeaseAnswer, LeaseQuestion } from "./calls.ts";
import { Leases } from "./leases.ts";

const question: LeaseQuestion = {
  key: "k",
  credential: undefined,
  sessionToken: undefined,
  reference: "hello",
  qualifier: undefined,
};
const lease = (epoch: number, untilMs = Number.MAX_SAFE_INTEGER): Lease =>
  ({ epoch, untilMs, executedVersion: "$LATEST" }) as unknown as Lease;

function leasesAnswering(...answers: readonly (LeaseAnswer | Promise<LeaseAnswer>)[]) {
  const clock = new ManualClock();
  let asked = 0;
  const leases = new Leases(clock, () =>
    Promise.resolve(answers[asked++] ?? Promise.reject(new Error("no more"))),
  );
  return { clock, leases, asked: () => asked };
}

test("a lease is found again until it is revoked", async () => {
  const { leases } = leasesAnswering(lease(0), lease(1));
  const first = await leases.ask(question);
  assert.equal(leases.find("k"), first);
  leases.revoke(1);
  assert.equal(leases.find("k"), undefined);
  assert.ok(first !== "forward" && !leases.isCurrent(first));
  const second = await leases.ask(question);
  assert.ok(second !== "forward" && leases.isCurrent(second));
});

test("a lease that was revoked while its answer was on the way is neither current nor remembered", async () => {
  const { promise, resolve } = Promise.withResolvers<LeaseAnswer>();
  const { leases, asked } = leasesAnswering(promise, lease(1));
  const asking = leases.ask(question);
  leases.revoke(1);
  const again = leases.ask(question);
  resolve(lease(0));
  const late = await asking;
  assert.ok(late !== "forward" && !leases.isCurrent(late));
  assert.equal(asked(), 2, "the answer to the old question is not waited for");
  assert.equal(leases.find("k"), await again);
});

test("what is not leased is remembered as well, until something changes", async () => {
  const { leases, asked } = leasesAnswering({ epoch: 0, forward: true }, { epoch: 1, forward: true });
  assert.equal(await leases.ask(question), "forward");
  assert.equal(leases.find("k"), "forward");
  leases.revoke(1);
  assert.equal(leases.find("k"), undefined);
  await leases.ask(question);
  assert.equal(asked(), 2);
});

test("a lease ends with its time", async () => {
  const { clock, leases } = leasesAnswering();
  const untilMs = clock.nowMs() + 1_000;
  const short = leasesAnswering(lease(0, untilMs));
  await short.leases.ask(question);
  assert.ok(short.leases.find("k"));
  short.clock.advance(1_000);
  assert.equal(short.leases.find("k"), undefined);
  assert.equal(leases.find("k"), undefined);
});

test("requests of one kind ask once", async () => {
  const { leases, asked } = leasesAnswering(lease(0));
  const [a, b] = await Promise.all([leases.ask(question), leases.ask(question)]);
  assert.equal(a, b);
  assert.equal(asked(), 1);
});
