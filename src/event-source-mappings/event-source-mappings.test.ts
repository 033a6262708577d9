import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { beforeEach, describe, test } from "node:test";
import { MemoryQueues } from "../../test/support/memory-queues.ts";
import { MemoryKeyValueStore } from "../../test/support/memory-store.ts";
import { FUNCTION_ARN, QUEUE_ARN, quiet, ScriptedFunction } from "../../test/support/scripted-mapping.ts";
import { EventSourceMappings } from "./event-source-mappings.ts";
import { MappingEngine } from "./mapping-engine.ts";
import { sqsSource } from "./sources/sqs/sqs-source.ts";

const OWNER = { account: "000000000000", region: "eu-west-1" };
const ignore = (): void => undefined;

describe("stored mappings", () => {
  let keyValue: MemoryKeyValueStore;
  let fn: ScriptedFunction;
  let queues: MemoryQueues;
  beforeEach(() => {
    keyValue = new MemoryKeyValueStore();
    fn = new ScriptedFunction();
    queues = new MemoryQueues(fn.clock);
    queues.add(QUEUE_ARN);
  });

  /** As after a start of Lambent. */
  async function open(): Promise<EventSourceMappings> {
    const { clock, invoker } = fn;
    const sources = { sqs: sqsSource({ queues, clock, roleMay: () => true }) };
    const names = (reference: string) => reference.replace(/^arn:.*:function:/, "");
    const mappings = await EventSourceMappings.open({
      keyValue,
      clock,
      logger: { debug: ignore, info: ignore, warn: ignore, error: ignore },
      functions: {
        resolve: () => {
          throw new Error("not asked");
        },
        mayLoop: () => false,
        describe: (_owner, reference) => ({
          functionArn: `${FUNCTION_ARN.slice(0, -1)}${names(reference)}`,
          functionName: names(reference),
          timeoutSeconds: 3,
          roleArn: "role",
        }),
      },
      sources,
      engine: new MappingEngine({ clock, invoker, sources }),
      newId: () => randomUUID(),
    });
    mappings.start();
    return mappings;
  }
  const end = async (mappings: EventSourceMappings): Promise<void> => {
    mappings.stop();
    fn.finish();
    await mappings.settled();
    await mappings.close();
  };

  test("a mapping goes on after a restart, and one whose deletion was acknowledged does not come back", async () => {
    const before = await open();
    const { mapping } = await before.create(OWNER, { FunctionName: "f", EventSourceArn: QUEUE_ARN });
    queues.send(QUEUE_ARN, "runs");
    await quiet();
    assert.equal(fn.invocations.length, 1);
    // The function runs, so that the mapping cannot go yet; then the process ends.
    await before.remove(OWNER, mapping.uuid);
    const copy = new MemoryKeyValueStore();
    for (const [key, { value }] of keyValue.entries) await copy.put(key, value);
    await end(before);
    keyValue = copy;
    const after = await open();
    assert.deepEqual(after.list(OWNER, {}).items, []);
    assert.equal(keyValue.entries.size, 0);
    const { mapping: next } = await after.create(OWNER, { FunctionName: "f", EventSourceArn: QUEUE_ARN });
    await end(after);
    const later = await open();
    assert.equal(later.get(OWNER, next.uuid).state, "Enabled");
    await quiet();
    assert.equal(queues.waitingReads, 1);
    await end(later);
    assert.equal(queues.waitingReads, 0);
  });

  test("condition keys name the function, and both where a mapping gets another one", async () => {
    const mappings = await open();
    const { mapping } = await mappings.create(OWNER, { FunctionName: "f", EventSourceArn: QUEUE_ARN });
    const UUID = mapping.uuid;
    const other = `${FUNCTION_ARN.slice(0, -1)}g`;
    assert.deepEqual(mappings.conditionKeys(OWNER, { FunctionName: "g", EventSourceArn: QUEUE_ARN }), [
      { "lambda:FunctionArn": other },
    ]);
    assert.deepEqual(mappings.conditionKeys(OWNER, { UUID }), [{ "lambda:FunctionArn": FUNCTION_ARN }]);
    assert.deepEqual(mappings.conditionKeys(OWNER, { UUID, FunctionName: "g" }), [
      { "lambda:FunctionArn": FUNCTION_ARN },
      { "lambda:FunctionArn": other },
    ]);
    assert.deepEqual(mappings.conditionKeys(OWNER, { UUID: "unknown" }), [{}]);
    await end(mappings);
  });

  test("another account sees nothing of a mapping", async () => {
    const mappings = await open();
    const { mapping } = await mappings.create(OWNER, { FunctionName: "f", EventSourceArn: QUEUE_ARN });
    const stranger = { ...OWNER, account: "111111111111" };
    assert.throws(() => mappings.get(stranger, mapping.uuid), { name: "ResourceNotFoundException" });
    assert.deepEqual(mappings.list(stranger, {}).items, []);
    await assert.rejects(mappings.remove(stranger, mapping.uuid), { name: "ResourceNotFoundException" });
    await end(mappings);
  });
});
