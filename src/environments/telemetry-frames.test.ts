import assert from "node:assert/strict";
import { test } from "node:test";
import { decodeFrames } from "./telemetry-frames.ts";

const frame = (type: number, text: string, timestampMs?: bigint): Buffer => {
  const body = Buffer.from(text);
  const head = Buffer.alloc(timestampMs === undefined ? 8 : 16);
  head.writeUInt32BE(type);
  head.writeUInt32BE(body.length, 4);
  if (timestampMs !== undefined) head.writeBigUInt64BE(timestampMs * 1000n, 8);
  return Buffer.concat([head, body]);
};

test("frames with and without a time are told apart, however their bytes come", () => {
  const bytes = Buffer.concat([
    frame(0xa55a0003, "timed\nü", 1_700_000_000_123n),
    frame(0xa55a0001, "a"),
    frame(0xa55a0002, "{}", 5n),
  ]);
  for (const size of [bytes.length, 12, 1]) {
    const seen: unknown[] = [];
    const decoder = decodeFrames((timestampMs, message) => seen.push([timestampMs, message]));
    for (let at = 0; at < bytes.length; at += size) decoder.write(bytes.subarray(at, at + size));
    assert.deepEqual(seen, [
      [1_700_000_000_123, "timed\nü"],
      [undefined, "a"],
      [5, "{}"],
    ]);
  }
});

test("what is no frame is passed on as it is", () => {
  const seen: unknown[] = [];
  decodeFrames((timestampMs, message) => seen.push([timestampMs, message])).write(
    Buffer.from("no frame at all"),
  );
  assert.deepEqual(seen, [[undefined, "no frame at all"]]);
});
