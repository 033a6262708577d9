import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { errorMessageOf, objectKeyOf, outcomeRecord } from "./outcome-record.ts";
import { decodeEvent, encodeEvent, type QueuedEvent } from "./queued-event.ts";
import { backOffMs, functionErrorDelayMs } from "./retry-schedule.ts";

const outcome = {
  requestId: "r",
  functionArn: "arn:aws:lambda:eu-west-1:123456789012:function:f:$LATEST",
  condition: "RetriesExhausted" as const,
  approximateInvokeCount: 3,
  requestPayload: Buffer.from("{}"),
};

describe("the record of an outcome", () => {
  test("is JSON whatever a runtime answers", () => {
    for (const answer of ["", "no json", '{"a":1}', "\u0000", '"é"']) {
      const response = { executedVersion: "1", functionError: "Unhandled", payload: Buffer.from(answer) };
      const record = JSON.parse(outcomeRecord({ ...outcome, response }, 0)) as Record<string, unknown>;
      const expected = answer === '{"a":1}' ? { a: 1 } : answer === "" ? null : answer.replaceAll('"', "");
      assert.deepEqual(record.responsePayload, expected);
      assert.equal(record.timestamp, "1970-01-01T00:00:00.000Z");
    }
  });

  test("has no response where the function has not run", () => {
    const record = JSON.parse(outcomeRecord({ ...outcome, response: undefined }, 0)) as object;
    assert.deepEqual(Object.keys(record), ["version", "timestamp", "requestContext", "requestPayload"]);
  });

  test("the error's message is cut at a kilobyte, never within a character", () => {
    assert.equal(errorMessageOf(Buffer.from('{"errorMessage":"m"}')), "m");
    assert.equal(errorMessageOf(Buffer.from("plain")), "plain");
    assert.equal(errorMessageOf(undefined), "");
    const long = errorMessageOf(Buffer.from(JSON.stringify({ errorMessage: `x${"é".repeat(1000)}` })));
    assert.equal(long, `x${"é".repeat(511)}`);
  });

  test("the object's key is AWS's", () => {
    assert.equal(
      objectKeyOf("f", Date.UTC(2024, 1, 3, 4, 5, 6, 789), "u"),
      "aws/lambda/async/f/2024/02/03/2024-02-03T04.05.06-u",
    );
  });
});

describe("an event in its queue", () => {
  const event: QueuedEvent = {
    account: "123456789012",
    region: "eu-west-1",
    requestId: "r",
    functionName: "f",
    functionId: "i",
    qualifier: "live",
    traceHeader: undefined,
    attempts: 1,
    backOffs: 2,
    payload: Buffer.from('{"ä":1}'),
    lastResponse: { executedVersion: "7", functionError: "Unhandled", payload: Buffer.from("ö") },
  };
  const read = (encoded: Uint8Array) => {
    const { payload, lastResponse, ...rest } = decodeEvent(encoded);
    const text = (bytes: Uint8Array | undefined) => bytes && Buffer.from(bytes).toString();
    return {
      ...rest,
      payload: text(payload),
      lastResponse: lastResponse && { ...lastResponse, payload: text(lastResponse.payload) },
    };
  };

  test("comes back as it was", () => {
    assert.deepEqual(read(encodeEvent(event)), {
      ...event,
      payload: '{"ä":1}',
      lastResponse: { executedVersion: "7", functionError: "Unhandled", payload: "ö" },
    });
    assert.equal(read(encodeEvent({ ...event, lastResponse: undefined })).lastResponse, undefined);
  });

  test("goes without the last answer where there is no room for it, and fits with the largest payload", () => {
    const payload = Buffer.alloc(1024 * 1024, "1");
    const encoded = encodeEvent({
      ...event,
      payload,
      lastResponse: { executedVersion: "7", functionError: "Unhandled", payload: Buffer.alloc(100_000) },
    });
    assert.ok(encoded.byteLength < payload.byteLength + 64 * 1024);
    assert.deepEqual(read(encoded).lastResponse, {
      executedVersion: "7",
      functionError: "Unhandled",
      payload: undefined,
    });
  });

  test("waits as long as AWS has it wait", () => {
    assert.deepEqual([1, 2].map(functionErrorDelayMs), [60_000, 120_000]);
    assert.deepEqual([1, 2, 3, 9, 10, 1000].map(backOffMs), [1_000, 2_000, 4_000, 256_000, 300_000, 300_000]);
  });
});
