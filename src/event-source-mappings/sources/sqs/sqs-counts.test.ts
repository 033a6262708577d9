import assert from "node:assert/strict";
import { test } from "node:test";
import { MemoryQueues } from "../../../../test/support/memory-queues.ts";
import {
  mappingWith,
  QUEUE_ARN,
  quiet,
  ScriptedFunction,
} from "../../../../test/support/scripted-mapping.ts";
import type { MappingSettings } from "../../mapping-document.ts";
import { MappingEngine } from "../../mapping-engine.ts";
import { sqsSource } from "./sqs-source.ts";

interface Event {
  readonly Records: readonly { readonly body: string; readonly messageId: string }[];
}

/** What is counted of a message that no filter lets through, and of three of which the function refuses one. */
async function counted(settings: Partial<MappingSettings>): Promise<Readonly<Record<string, number>>> {
  const fn = new ScriptedFunction();
  const { clock, invoker } = fn;
  const queues = new MemoryQueues(clock);
  queues.add(QUEUE_ARN);
  const sources = { sqs: sqsSource({ queues, clock, roleMay: () => true }) };
  const engine = new MappingEngine({ clock, invoker, sources });
  engine.start([
    mappingWith({
      filterPatterns: ['{"body":[{"prefix":"m"}]}'],
      reportsBatchItemFailures: true,
      ...settings,
    }),
  ]);
  for (const body of ["other", "m0", "m1", "m2"]) queues.send(QUEUE_ARN, body);
  await quiet();
  while (fn.running > 0) {
    const begun = fn.next();
    const failed = (begun.event as Event).Records.filter(({ body }) => body === "m1");
    begun.answer({ batchItemFailures: failed.map(({ messageId }) => ({ itemIdentifier: messageId })) });
    await quiet();
  }
  engine.stop();
  await engine.settled();
  return Object.fromEntries(fn.sums);
}

test("a mapping counts its messages where it was told to", async () => {
  assert.deepEqual(await counted({ countsEvents: true }), {
    PolledEventCount: 4,
    FilteredOutEventCount: 1,
    InvokedEventCount: 3,
    FailedInvokeEventCount: 1,
    DeletedEventCount: 2,
  });
  assert.deepEqual(await counted({}), {});
});
