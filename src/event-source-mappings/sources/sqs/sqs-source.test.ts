import assert from "node:assert/strict";
import { afterEach, beforeEach, describe, test } from "node:test";
import { MemoryQueues } from "../../../../test/support/memory-queues.ts";
import {
  mappingWith,
  QUEUE_ARN,
  quiet,
  ScriptedFunction,
  VERSION,
} from "../../../../test/support/scripted-mapping.ts";
import { TraceHeaders } from "../../../core/trace-header.ts";
import type { MappingDocument, MappingSettings } from "../../mapping-document.ts";
import { MappingEngine } from "../../mapping-engine.ts";
import { sqsSource } from "./sqs-source.ts";

interface Event {
  readonly Records: readonly Readonly<Record<string, unknown>>[];
}

const bodies = (event: unknown): unknown[] => (event as Event).Records.map(({ body }) => body);
/** Of the first message. */
const receiveCount = (event: unknown): unknown => {
  const [record = {}] = (event as Event).Records;
  return (record["attributes"] as Readonly<Record<string, string>>)["ApproximateReceiveCount"];
};
const FIFO_ARN = `${QUEUE_ARN}.fifo`;

describe("mappings of queues", () => {
  let fn: ScriptedFunction;
  let queues: MemoryQueues;
  let engine: MappingEngine;
  let mapping: MappingDocument;
  beforeEach(() => {
    fn = new ScriptedFunction();
    queues = new MemoryQueues(fn.clock);
    queues.add(QUEUE_ARN);
    queues.add(FIFO_ARN);
    const { clock, invoker } = fn;
    engine = new MappingEngine({
      clock,
      invoker,
      sources: { sqs: sqsSource({ queues, clock, roleMay: () => true }) },
    });
  });
  afterEach(async () => {
    engine.stop();
    fn.finish();
    await engine.settled();
  });

  const run = async (settings: Partial<MappingSettings> = {}, queueArn = QUEUE_ARN): Promise<void> => {
    mapping = mappingWith(settings, queueArn);
    engine.start([mapping]);
    await quiet();
  };
  const send = async (count: number, queueArn = QUEUE_ARN): Promise<void> => {
    for (let index = 0; index < count; index++) queues.send(queueArn, `m${index}`);
    await quiet();
  };

  test("a message goes to the function as AWS writes it, and is deleted when that succeeds", async () => {
    await run();
    const messageId = queues.send(QUEUE_ARN, "hello", {
      attributes: {
        kind: { type: "String", stringValue: "greeting" },
        raw: { type: "Binary.png", binaryValue: Buffer.from("abc") },
      },
      systemAttributes: {
        SentTimestamp: "1",
        AWSTraceHeader: "Root=1-65535f00-000000000000000000000001;Sampled=1",
      },
    });
    await quiet();
    const begun = fn.next();
    const { event, request } = begun;
    const [record] = (event as Event).Records;
    assert.deepEqual(
      { ...record, receiptHandle: "" },
      {
        messageId,
        receiptHandle: "",
        body: "hello",
        attributes: {
          ApproximateReceiveCount: "1",
          SentTimestamp: "1",
          AWSTraceHeader: "Root=1-65535f00-000000000000000000000001;Sampled=1",
        },
        messageAttributes: {
          kind: {
            stringValue: "greeting",
            stringListValues: [],
            binaryListValues: [],
            dataType: "String",
          },
          raw: {
            binaryValue: "YWJj",
            stringListValues: [],
            binaryListValues: [],
            dataType: "Binary.png",
          },
        },
        md5OfMessageAttributes: null,
        md5OfBody: "5d41402abc4b2a76b9719d911017c592",
        eventSource: "aws:sqs",
        eventSourceARN: QUEUE_ARN,
        awsRegion: "eu-west-1",
      },
    );
    assert.match(request.traceHeader ?? "", /^Root=1-65535f00-000000000000000000000001;.*Sampled=1/);
    assert.equal(request.wantsLogTail, false);
    assert.deepEqual(queues.bodies(QUEUE_ARN), ["hello"]);
    begun.answer();
    await quiet();
    assert.deepEqual(queues.bodies(QUEUE_ARN), []);
    assert.equal(engine.lastResult(mapping.uuid), "OK");
  });

  test("what waits is read in batches; AWS begins with five at a time and adds five a second", async () => {
    await send(200);
    await run({ batchSize: 2 });
    assert.equal(fn.running, 5);
    fn.clock.advance(1_000);
    await quiet();
    assert.equal(fn.running, 10);
    fn.clock.advance(1_000);
    await quiet();
    assert.equal(fn.running, 15);
    assert.equal(bodies(fn.next().event).length, 2);
  });

  test("no more batches at a time than MaximumConcurrency, and every message once", async () => {
    const seen: unknown[] = [];
    await send(57);
    fn.immediate = (begun) => {
      seen.push(...bodies(begun.event));
      setImmediate(() => begun.answer());
    };
    await run({ batchSize: 3, maximumConcurrency: 2 });
    for (let turn = 0; turn < 20; turn++) await quiet();
    assert.equal(fn.runningMax, 2);
    assert.equal(seen.length, 57);
    assert.equal(new Set(seen).size, 57);
    assert.deepEqual(queues.bodies(QUEUE_ARN), []);
  });

  test("a batch closes when it is full or its window is over, whichever is first", async () => {
    await run({ batchSize: 25, maximumBatchingWindowSeconds: 5 });
    await send(12);
    assert.equal(fn.invocations.length, 0);
    fn.clock.advance(4_000);
    await send(3);
    assert.equal(fn.invocations.length, 0);
    fn.clock.advance(1_000);
    await quiet();
    assert.equal(bodies(fn.next().event).length, 15);
    await send(30);
    assert.equal(bodies(fn.next().event).length, 25);
    assert.equal(fn.invocations.length, 0);
  });

  test("messages that wait for their window longer than they are hidden stay hidden", async () => {
    await run({ batchSize: 25, maximumBatchingWindowSeconds: 100 });
    await send(2);
    for (let second = 0; second < 99; second++) {
      fn.clock.advance(1_000);
      await quiet();
      assert.equal(queues.visible(QUEUE_ARN), 0);
    }
    fn.clock.advance(1_000);
    await quiet();
    assert.equal(bodies(fn.next().event).length, 2);
  });

  test("an event is at most 6 MB; the rest makes the next one", async () => {
    for (let index = 0; index < 10; index++) queues.send(QUEUE_ARN, `${index}${"x".repeat(1_000_000)}`);
    await run();
    const first = fn.next();
    assert.ok(first.request.payload.byteLength <= 6_291_456, `${first.request.payload.byteLength} bytes`);
    assert.equal(bodies(first.event).length, 6);
    first.answer();
    await quiet();
    assert.equal(bodies(fn.next().event).length, 4);
  });

  test("when the function fails, the messages come again after their visibility timeout", async () => {
    await run();
    await send(3);
    fn.next().fail();
    await quiet();
    assert.equal(engine.lastResult(mapping.uuid), "PROBLEM: Function call failed");
    assert.equal(queues.visible(QUEUE_ARN), 0);
    fn.clock.advance(29_000);
    await quiet();
    assert.equal(fn.invocations.length, 0);
    fn.clock.advance(30_000);
    await quiet();
    const again = fn.next();
    assert.equal(bodies(again.event).length, 3);
    assert.equal(receiveCount(again.event), "2");
  });

  test("ReportBatchItemFailures: named messages come again, the others are deleted", async () => {
    await run({ reportsBatchItemFailures: true });
    const ids = ["a", "b", "c"].map((body) => queues.send(QUEUE_ARN, body));
    await quiet();
    // The first one has woken the mapping, the others have come while it was being read.
    const begun = fn.next();
    const own = (begun.event as Event).Records.map(({ messageId }) => messageId);
    assert.deepEqual(own, ids);
    begun.answer({ batchItemFailures: [{ itemIdentifier: ids[1] }] });
    await quiet();
    assert.deepEqual(queues.bodies(QUEUE_ARN), ["b"]);
  });

  test("ReportBatchItemFailures: an unknown identifier keeps all messages; without it answers do not matter", async () => {
    await run({ reportsBatchItemFailures: true });
    await send(2);
    fn.next().answer({ batchItemFailures: [{ itemIdentifier: "unknown" }] });
    await quiet();
    assert.deepEqual(queues.bodies(QUEUE_ARN), ["m0", "m1"]);
    engine.apply({
      ...mapping,
      generation: 2,
      settings: { ...mapping.settings, reportsBatchItemFailures: false },
    });
    fn.clock.advance(60_000);
    await quiet();
    fn.next().answer({ batchItemFailures: [{ itemIdentifier: "unknown" }] });
    await quiet();
    assert.deepEqual(queues.bodies(QUEUE_ARN), []);
  });

  test("a throttled batch is tried again with pauses, but not for longer than it is hidden", async () => {
    await run();
    await send(1);
    fn.next().throttle();
    await quiet();
    assert.equal(fn.invocations.length, 0);
    fn.clock.advance(100);
    await quiet();
    fn.next().throttle();
    await quiet();
    assert.equal(engine.lastResult(mapping.uuid), "PROBLEM: Rate Exceeded.");
    fn.immediate = (begun) => begun.throttle();
    for (let second = 0; second < 29; second++) {
      fn.clock.advance(1_000);
      await quiet();
    }
    const tries = fn.invocations.length;
    assert.ok(tries > 4 && tries < 12, `${tries} tries`);
    assert.deepEqual(queues.bodies(QUEUE_ARN), ["m0"]);
    assert.deepEqual(queues.visibilityChanges, []);
    fn.invocations.length = 0;
    fn.immediate = undefined;
    fn.clock.advance(31_000);
    await quiet();
    assert.equal(receiveCount(fn.next().event), "2");
  });

  test("throttles take concurrency away, which comes back slowly", async () => {
    await send(400);
    await run({ batchSize: 1 });
    const begun = fn.invocations.splice(0);
    assert.equal(begun.length, 5);
    for (const each of begun) each.throttle();
    await quiet();
    fn.clock.advance(100);
    await quiet();
    // They are tried again; where one is done, nothing takes its place before there are fewer than the limit.
    assert.equal(fn.running, 5);
    for (let round = 0; round < 4; round++) {
      fn.next().answer();
      await quiet();
    }
    assert.equal(fn.running, 2);
    fn.clock.advance(1_000);
    await quiet();
    assert.equal(fn.running, 7);
  });

  test("messages of a slow function stay hidden until it has ended", async () => {
    await run();
    await send(1);
    for (let second = 0; second < 100; second++) {
      fn.clock.advance(1_000);
      await quiet();
      assert.equal(queues.visible(QUEUE_ARN), 0);
    }
    assert.ok(queues.visibilityChanges.length > 2);
    fn.next().answer();
    await quiet();
    assert.deepEqual(queues.bodies(QUEUE_ARN), []);
    assert.equal(fn.invocations.length, 0);
  });

  test("FIFO: one batch of a message group at a time and in order, groups side by side", async () => {
    for (const body of ["a1", "b1", "a2"]) queues.send(FIFO_ARN, body, { groupId: body[0] as string });
    await run({ batchSize: 2 }, FIFO_ARN);
    const first = fn.next();
    assert.deepEqual(bodies(first.event), ["a1", "b1"]);
    queues.send(FIFO_ARN, "c1", { groupId: "c" });
    await quiet();
    const second = fn.next();
    assert.deepEqual(bodies(second.event), ["c1"]);
    const [record] = (second.event as Event).Records;
    assert.equal("md5OfMessageAttributes" in (record ?? {}), false);
    assert.equal(fn.invocations.length, 0);
    first.answer();
    await quiet();
    assert.deepEqual(bodies(fn.next().event), ["a2"]);
  });

  test("FIFO: after a failure a message group waits for the message that failed", async () => {
    for (const body of ["a1", "a2"]) queues.send(FIFO_ARN, body, { groupId: "a" });
    await run({ batchSize: 1 }, FIFO_ARN);
    fn.next().fail();
    await quiet();
    assert.equal(fn.invocations.length, 0);
    fn.clock.advance(60_000);
    await quiet();
    assert.deepEqual(bodies(fn.next().event), ["a1"]);
  });

  test("a mapping that is ended gives back what has not begun and lets finish what has", async () => {
    await run({ batchSize: 25, maximumBatchingWindowSeconds: 5 });
    await send(2);
    assert.equal(queues.visible(QUEUE_ARN), 0);
    engine.apply({ ...mapping, enabled: false, generation: 2 });
    await quiet();
    assert.equal(queues.visible(QUEUE_ARN), 2);
    assert.equal(engine.isEnding(mapping.uuid), false);
    engine.apply({ ...mapping, generation: 3, settings: { ...mapping.settings, batchSize: 2 } });
    await quiet();
    engine.apply({ ...mapping, enabled: false, generation: 4 });
    await quiet();
    assert.equal(engine.isEnding(mapping.uuid), true);
    fn.next().answer();
    await quiet();
    assert.equal(engine.isEnding(mapping.uuid), false);
    assert.deepEqual(queues.bodies(QUEUE_ARN), []);
  });

  test("messages that no filter lets through are deleted, and never seen", async () => {
    await run({
      filterPatterns: [
        '{"body":{"kind":["order"]}}',
        '{"messageAttributes":{"vip":{"stringValue":["yes"]}}}',
      ],
    });
    queues.send(QUEUE_ARN, '{"kind":"order"}');
    queues.send(QUEUE_ARN, '{"kind":"offer"}');
    queues.send(QUEUE_ARN, "plain");
    queues.send(QUEUE_ARN, "vip", { attributes: { vip: { type: "String", stringValue: "yes" } } });
    await quiet();
    const begun = fn.next();
    assert.deepEqual(bodies(begun.event), ['{"kind":"order"}', "vip"]);
    assert.deepEqual(queues.bodies(QUEUE_ARN), ['{"kind":"order"}', "vip"]);
  });

  test("counts its messages where it was told to", async () => {
    await run({
      filterPatterns: ['{"body":[{"prefix":"m"}]}'],
      reportsBatchItemFailures: true,
      countsEvents: true,
    });
    queues.send(QUEUE_ARN, "other");
    await send(3);
    while (fn.running > 0) {
      const begun = fn.next();
      const failed = (begun.event as Event).Records.filter(({ body }) => body === "m1");
      begun.answer({ batchItemFailures: failed.map(({ messageId }) => ({ itemIdentifier: messageId })) });
      await quiet();
    }
    assert.deepEqual(Object.fromEntries(fn.sums), {
      PolledEventCount: 4,
      FilteredOutEventCount: 1,
      InvokedEventCount: 3,
      FailedInvokeEventCount: 1,
      DeletedEventCount: 2,
    });
  });

  test("a loop is ended: the batch is not handed over and its messages come again", async () => {
    let header = "Root=1-65535f00-000000000000000000000001;Sampled=0";
    const headers = new TraceHeaders();
    for (let hop = 0; hop < 16; hop++)
      header = headers.headerFor(VERSION, header, { nowMs: 0, randomHex: "0".repeat(64) });
    await run();
    queues.send(QUEUE_ARN, "again", { systemAttributes: { AWSTraceHeader: header } });
    await quiet();
    assert.equal(fn.invocations.length, 0);
    assert.deepEqual(fn.counted, ["RecursiveInvocationsDropped"]);
    assert.deepEqual(queues.bodies(QUEUE_ARN), ["again"]);
    fn.mayLoop = true;
    fn.clock.advance(60_000);
    await quiet();
    assert.deepEqual(bodies(fn.next().event), ["again"]);
  });

  test("nothing is read while the function is not there, and its messages are not counted as received", async () => {
    fn.exists = false;
    await send(1);
    await run();
    assert.equal(engine.lastResult(mapping.uuid), "PROBLEM: Function not found: f");
    assert.equal(queues.reads, 0);
    fn.exists = true;
    fn.clock.advance(1_000);
    await quiet();
    fn.next().answer();
    await quiet();
    assert.equal(engine.lastResult(mapping.uuid), "OK");
  });

  test("a queue that cannot be read is tried again, ever more seldom", async () => {
    queues.failure = new Error("The queue is gone.");
    await run();
    assert.equal(engine.lastResult(mapping.uuid), "PROBLEM: The queue is gone.");
    for (let second = 0; second < 60; second++) {
      fn.clock.advance(1_000);
      await quiet();
    }
    assert.ok(queues.reads > 4 && queues.reads < 9, `${queues.reads} reads`);
  });

  test("a mapping where nothing happens is one waiting read, at most one more a minute", async () => {
    await run();
    assert.equal(queues.waitingReads, 1);
    for (let second = 0; second < 60; second++) {
      fn.clock.advance(1_000);
      await quiet();
    }
    assert.equal(queues.waitingReads, 1);
    assert.ok(queues.reads <= 2, `${queues.reads} reads`);
  });
});
