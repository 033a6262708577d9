import assert from "node:assert/strict";
import { test } from "node:test";
import { type Job, LeaseLost, type Store, TooLarge } from "../../src/ports/store.ts";
import type { StoreUnderTest } from "./store-contract.ts";
import { bytes, describeStore, pause, text } from "./store-suite.ts";

const BODY_BYTES_MAX = 1024 * 1024 + 64 * 1024;
/** Receiving takes a while; timers are a little late. */
const TOLERANCE_MS = 1_000;

const bodies = (jobs: readonly Job[]): string[] => jobs.map((job) => text(job.body));

export function describeQueue(name: string, open: () => Promise<StoreUnderTest>): void {
  describeStore(`${name}: durable queue`, open, (store, underTest) => {
    testDelivery(store);
    testDeduplication(store);
    testWaiting(store);
    testRetry(store);
    testVisibility(store, () => underTest().visibilityMs);
  });
}

function testDelivery(store: () => Store): void {
  test("a job is delivered until it is done, then never again", async () => {
    const { queue } = store();
    const beforeMs = Date.now();
    await queue.enqueue("once", [{ body: bytes("1") }]);
    assert.deepEqual(await queue.stats("once"), { waiting: 1, inFlightOrDelayed: 0 });
    const [job, ...others] = await queue.receive("once", 10, 0);
    assert.ok(job);
    assert.equal(others.length, 0);
    assert.equal(text(job.body), "1");
    assert.equal(job.deliveries, 1);
    assert.ok(job.enqueuedAtMs >= beforeMs - 1 && job.enqueuedAtMs <= Date.now() + 1);
    assert.deepEqual(await queue.stats("once"), { waiting: 0, inFlightOrDelayed: 1 });
    assert.deepEqual(await queue.receive("once", 10, 0), []);
    await job.done();
    assert.deepEqual(await queue.stats("once"), { waiting: 0, inFlightOrDelayed: 0 });
  });

  test("queues are apart, and receive takes no more than it is asked for", async () => {
    const { queue } = store();
    const jobs = ["1", "2", "3", "4", "5"].map((body) => ({ body: bytes(body) }));
    await queue.enqueue("apart-a", jobs);
    assert.deepEqual(await queue.receive("apart-b", 10, 0), []);
    const first = await queue.receive("apart-a", 2, 0);
    const rest = await queue.receive("apart-a", 10, 0);
    assert.equal(first.length, 2);
    assert.deepEqual([...bodies(first), ...bodies(rest)].toSorted(), ["1", "2", "3", "4", "5"]);
    assert.equal(new Set([...first, ...rest].map((job) => job.id)).size, 5);
    await Promise.all([...first, ...rest].map((job) => job.done()));
  });

  test("tells which queues hold jobs, each once, those below the prefix only", async () => {
    const { queue } = store();
    const names = ["listed/a", "listed/b/c", "listed/b/d", "listed0", "listed", "lisued/a"];
    for (const name of names) await queue.enqueue(name, [{ body: bytes("1") }, { body: bytes("2") }]);
    assert.deepEqual((await queue.queues("listed/")).toSorted(), ["listed/a", "listed/b/c", "listed/b/d"]);
    const [job, other] = await queue.receive("listed/a", 2, 0);
    await job?.done();
    assert.equal((await queue.queues("listed/")).length, 3);
    await other?.done();
    assert.deepEqual((await queue.queues("listed/")).toSorted(), ["listed/b/c", "listed/b/d"]);
    assert.deepEqual(await queue.queues("listed/b/c/"), []);
    const all = await queue.queues("");
    for (const name of names.slice(1)) assert.ok(all.includes(name), name);
    for (const name of names) await Promise.all((await queue.receive(name, 2, 0)).map((left) => left.done()));
    await assert.rejects(queue.queues("listed"), TypeError);
  });

  test("300 jobs and 4 receivers: each job exactly once", async () => {
    const { queue } = store();
    const seen = new Map<string, number>();
    const receiver = async (): Promise<void> => {
      while (seen.size < 300) {
        const jobs = await queue.receive("many", 7, 50);
        for (const job of jobs) {
          seen.set(text(job.body), (seen.get(text(job.body)) ?? 0) + 1);
        }
        await Promise.all(jobs.map((job) => job.done()));
      }
    };
    const enqueue = async (): Promise<void> => {
      for (let start = 0; start < 300; start += 20) {
        const jobs = Array.from({ length: 20 }, (_, index) => ({ body: bytes(`job ${start + index}`) }));
        await queue.enqueue("many", jobs);
      }
    };
    await Promise.all([enqueue(), receiver(), receiver(), receiver(), receiver()]);
    assert.equal(seen.size, 300);
    assert.equal(Math.max(...seen.values()), 1);
    assert.deepEqual(await queue.stats("many"), { waiting: 0, inFlightOrDelayed: 0 });
  });

  test("a body of 1 MiB is taken, a larger one is TooLarge and none of its call's jobs is there", async () => {
    const { queue } = store();
    const whole = new Uint8Array(BODY_BYTES_MAX).fill(7);
    await queue.enqueue("large", [{ body: whole }]);
    const [job] = await queue.receive("large", 1, 0);
    assert.deepEqual(Buffer.from(job!.body), Buffer.from(whole));
    await assert.rejects(job!.retry(0, new Uint8Array(BODY_BYTES_MAX + 1)), TooLarge);
    await job!.done();
    const over = { body: new Uint8Array(BODY_BYTES_MAX + 1) };
    await assert.rejects(queue.enqueue("large", [{ body: bytes("small") }, over]), TooLarge);
    assert.deepEqual(await queue.receive("large", 10, 0), []);
  });
}

function testDeduplication(store: () => Store): void {
  test("a job with the same deduplication id is ignored, also when the first is done", async () => {
    const { queue } = store();
    await queue.enqueue("same", [{ body: bytes("1"), deduplicationId: "x" }, { body: bytes("no id") }]);
    await queue.enqueue("same", [
      { body: bytes("2"), deduplicationId: "x" },
      { body: bytes("3"), deduplicationId: "y" },
      { body: bytes("4"), deduplicationId: "y" },
    ]);
    const jobs = await queue.receive("same", 10, 0);
    assert.deepEqual(bodies(jobs).toSorted(), ["1", "3", "no id"]);
    await Promise.all(jobs.map((job) => job.done()));
    await queue.enqueue("same", [{ body: bytes("5"), deduplicationId: "x" }]);
    assert.deepEqual(await queue.receive("same", 10, 0), []);
  });

  test("the same deduplication id in another queue is another job", async () => {
    const { queue } = store();
    await queue.enqueue("same-a", [{ body: bytes("a"), deduplicationId: "x" }]);
    await queue.enqueue("same-b", [{ body: bytes("b"), deduplicationId: "x" }]);
    const jobs = [...(await queue.receive("same-a", 10, 0)), ...(await queue.receive("same-b", 10, 0))];
    assert.deepEqual(bodies(jobs), ["a", "b"]);
    await Promise.all(jobs.map((job) => job.done()));
  });
}

function testWaiting(store: () => Store): void {
  test("receive waits for the first job, and is woken by it", async () => {
    const { queue } = store();
    const startMs = performance.now();
    const waiting = queue.receive("wake", 10, 20_000);
    await pause(100);
    await queue.enqueue("wake", [{ body: bytes("1") }]);
    const jobs = await waiting;
    assert.deepEqual(bodies(jobs), ["1"]);
    assert.ok(performance.now() - startMs < 100 + TOLERANCE_MS);
    await jobs[0]!.done();
  });

  test("receive waits no longer than it is told", async () => {
    const { queue } = store();
    const startMs = performance.now();
    assert.deepEqual(await queue.receive("wait", 10, 200), []);
    const waitedMs = performance.now() - startMs;
    assert.ok(waitedMs >= 195 && waitedMs < 200 + TOLERANCE_MS, `${waitedMs} ms`);
  });

  test("several receivers that wait all get their jobs", async () => {
    const { queue } = store();
    const waiting = [1, 2, 3, 4].map(() => queue.receive("wake-all", 1, 20_000));
    await pause(50);
    await queue.enqueue("wake-all", [{ body: bytes("1") }, { body: bytes("2") }]);
    await queue.enqueue("wake-all", [{ body: bytes("3") }]);
    await queue.enqueue("wake-all", [{ body: bytes("4") }]);
    const jobs = (await Promise.all(waiting)).flat();
    assert.deepEqual(bodies(jobs).toSorted(), ["1", "2", "3", "4"]);
    await Promise.all(jobs.map((job) => job.done()));
  });

  test("a delayed job comes when it is due, to a receiver that waits for it", async () => {
    const { queue } = store();
    const startMs = performance.now();
    await queue.enqueue("delay", [{ body: bytes("late"), delayMs: 400 }]);
    assert.deepEqual(await queue.stats("delay"), { waiting: 0, inFlightOrDelayed: 1 });
    assert.deepEqual(await queue.receive("delay", 10, 0), []);
    const [job] = await queue.receive("delay", 10, 20_000);
    const waitedMs = performance.now() - startMs;
    assert.equal(text(job!.body), "late");
    assert.ok(waitedMs >= 395 && waitedMs < 400 + TOLERANCE_MS, `${waitedMs} ms`);
    await job!.done();
  });

  test("a delayed job does not hold up those that are due", async () => {
    const { queue } = store();
    await queue.enqueue("overtake", [{ body: bytes("late"), delayMs: 60_000 }]);
    await queue.enqueue("overtake", [{ body: bytes("now") }]);
    const jobs = await queue.receive("overtake", 10, 20_000);
    assert.deepEqual(bodies(jobs), ["now"]);
    await jobs[0]!.done();
  });
}

function testRetry(store: () => Store): void {
  test("retry brings the same job back after the delay, with its first enqueuedAtMs", async () => {
    const { queue } = store();
    await queue.enqueue("retry", [{ body: bytes("same") }]);
    const [first] = await queue.receive("retry", 1, 0);
    const startMs = performance.now();
    await first!.retry(300);
    assert.deepEqual(await queue.receive("retry", 1, 0), []);
    const [second] = await queue.receive("retry", 1, 20_000);
    const waitedMs = performance.now() - startMs;
    assert.ok(waitedMs >= 295 && waitedMs < 300 + TOLERANCE_MS, `${waitedMs} ms`);
    assert.equal(text(second!.body), "same");
    assert.equal(second!.enqueuedAtMs, first!.enqueuedAtMs);
    assert.ok(second!.deliveries >= 1);
    await second!.done();
    assert.deepEqual(await queue.stats("retry"), { waiting: 0, inFlightOrDelayed: 0 });
  });

  test("retry with a body replaces it", async () => {
    const { queue } = store();
    await queue.enqueue("replace", [{ body: bytes('{"attempt":1}') }]);
    const [first] = await queue.receive("replace", 1, 0);
    await pause(20);
    await first!.retry(0, bytes('{"attempt":2}'));
    const [second] = await queue.receive("replace", 1, 20_000);
    assert.equal(text(second!.body), '{"attempt":2}');
    assert.equal(second!.enqueuedAtMs, first!.enqueuedAtMs);
    await second!.done();
  });

  test("retry wakes a receiver, and refuses more than six hours", async () => {
    const { queue } = store();
    await queue.enqueue("retry-wake", [{ body: bytes("1") }]);
    const [first] = await queue.receive("retry-wake", 1, 0);
    await assert.rejects(first!.retry(6 * 60 * 60_000 + 1), RangeError);
    const waiting = queue.receive("retry-wake", 1, 20_000);
    await pause(50);
    await first!.retry(0);
    const [second] = await waiting;
    assert.equal(text(second!.body), "1");
    await second!.done();
  });
}

function testVisibility(store: () => Store, visibilityMs: () => number): void {
  test("a job that is not settled comes to a receiver that waits, after the visibility time", async () => {
    const { queue } = store();
    await queue.enqueue("visible", [{ body: bytes("1") }]);
    const [first] = await queue.receive("visible", 1, 0);
    const startMs = performance.now();
    const [second] = await queue.receive("visible", 1, 20_000);
    const waitedMs = performance.now() - startMs;
    assert.ok(waitedMs > visibilityMs() * 0.8, `already after ${waitedMs} ms`);
    assert.ok(waitedMs < visibilityMs() + TOLERANCE_MS, `only after ${waitedMs} ms`);
    assert.equal(second!.id, first!.id);
    assert.ok(second!.deliveries >= 1);
    await assert.rejects(first!.extend(), LeaseLost);
    await second!.done();
    assert.deepEqual(await queue.stats("visible"), { waiting: 0, inFlightOrDelayed: 0 });
  });

  test("of two receivers that wait, the other gets the job that the first does not settle", async () => {
    const { queue } = store();
    const waiting = [queue.receive("abandon", 1, 20_000), queue.receive("abandon", 1, 20_000)];
    await pause(50);
    const startMs = performance.now();
    await queue.enqueue("abandon", [{ body: bytes("1") }]);
    const deliveries = (await Promise.all(waiting)).flat();
    assert.ok(performance.now() - startMs < visibilityMs() + TOLERANCE_MS);
    assert.deepEqual(bodies(deliveries), ["1", "1"]);
    for (const job of deliveries) {
      await job.done();
    }
    assert.deepEqual(await queue.stats("abandon"), { waiting: 0, inFlightOrDelayed: 0 });
  });

  test("extend restarts the visibility time", async () => {
    const { queue } = store();
    await queue.enqueue("extend", [{ body: bytes("1") }]);
    const [job] = await queue.receive("extend", 1, 0);
    const startMs = performance.now();
    for (let count = 0; count < 3; count++) {
      assert.deepEqual(await queue.receive("extend", 1, visibilityMs() * 0.6), []);
      await job!.extend();
    }
    assert.ok(performance.now() - startMs > visibilityMs() * 1.5);
    await job!.done();
    assert.deepEqual(await queue.receive("extend", 1, visibilityMs() * 1.5), []);
  });

  test("a former holder cannot take the job from its new one", async () => {
    const { queue } = store();
    await queue.enqueue("former", [{ body: bytes("1") }]);
    const [first] = await queue.receive("former", 1, 0);
    const [second] = await queue.receive("former", 1, 20_000);
    await first!.retry(0, bytes("stolen"));
    await second!.extend();
    await second!.retry(0);
    const [third] = await queue.receive("former", 1, 20_000);
    assert.equal(text(third!.body), "1");
    await third!.done();
    await assert.rejects(third!.extend(), LeaseLost);
  });
}
