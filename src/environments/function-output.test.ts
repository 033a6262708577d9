import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { splitOutput } from "./function-output.ts";

const NOW_MS = 1_700_000_000_123;

const frame = (type: number, text: string, timestampMs?: bigint): Buffer => {
  const body = Buffer.from(text);
  const head = Buffer.alloc(timestampMs === undefined ? 8 : 16);
  head.writeUInt32BE(type);
  head.writeUInt32BE(body.length, 4);
  if (timestampMs !== undefined) head.writeBigUInt64BE(timestampMs * 1000n, 8);
  return Buffer.concat([head, body]);
};

/** What is handed on when the bytes come in pieces of that many. */
function split(bytes: Buffer, size = bytes.length): { seen: unknown[]; count: number; end: () => void } {
  const seen: unknown[] = [];
  const splitter = splitOutput({
    nowMs: () => NOW_MS,
    onLine: (line) => seen.push(line),
    onRecord: (timestampMs, text) => seen.push([timestampMs, text]),
    onSupervision: (event) => seen.push(event),
  });
  let count = 0;
  for (let at = 0; at < bytes.length; at += size) count += splitter.write(bytes.subarray(at, at + size));
  return { seen, count, end: () => splitter.end() };
}

test("lines and records are told apart in the order of writing, however their bytes come", () => {
  const bytes = Buffer.concat([
    Buffer.from("printed before, åZ\n"),
    frame(0xa55a0003, "timed\nü", BigInt(NOW_MS)),
    Buffer.from("printed between\nand not "),
    frame(0xa55a0001, "a"),
    frame(0xa55a0012, "{}", BigInt(NOW_MS) - 5n),
    Buffer.from("ended\n"),
    frame(0xa55a00e1, "139", 0n),
  ]);
  for (const size of [bytes.length, 12, 3, 2, 1]) {
    const { seen, count } = split(bytes, size);
    assert.deepEqual(seen, [
      "printed before, åZ\n",
      [NOW_MS, "timed\nü"],
      "printed between\n",
      [undefined, "a"],
      [NOW_MS - 5, "{}"],
      "and not ended\n",
      { kind: "runtime ended", exit: { code: null, signal: "SIGSEGV", outOfMemory: false } },
    ]);
    assert.equal(count, seen.length);
  }
});

/** A record as our own clients write what is long. */
const parts = (id: number, text: string, timestampMs: bigint, partBytes: number): Buffer[] => {
  const bytes = Buffer.from(text);
  return Array.from({ length: Math.ceil(bytes.length / partBytes) }, (_, index) => {
    const body = Buffer.alloc(8);
    body.writeUInt32BE(id, 0);
    body.writeUInt32BE(Math.max(0, bytes.length - (index + 1) * partBytes), 4);
    const piece = Buffer.concat([body, bytes.subarray(index * partBytes, (index + 1) * partBytes)]);
    const head = frame(0xa55a0023, "", timestampMs);
    head.writeUInt32BE(piece.length, 4);
    return Buffer.concat([head, piece]);
  });
};

test("records in parts are whole, whatever is written between the parts", () => {
  const one = parts(7, "one, ü and more", BigInt(NOW_MS), 6);
  const other = parts(8, "the other", BigInt(NOW_MS) - 5n, 5);
  const [a = one[0], b = one[0], c = one[0]] = one;
  const [d = one[0], e = one[0]] = other;
  const unfinished = parts(9, "cut off by the end", BigInt(NOW_MS), 7)[0];
  const between = [Buffer.from("print"), frame(0xa55a0003, "whole", BigInt(NOW_MS)), Buffer.from("ed\n")];
  const bytes = Buffer.concat([a, d, ...between, b, e, unfinished, c].flatMap((part) => part ?? []));
  for (const size of [bytes.length, 11, 3, 1]) {
    const { seen, end } = split(bytes, size);
    end();
    assert.deepEqual(seen, [
      [NOW_MS, "whole"],
      "printed\n",
      [NOW_MS - 5, "the other"],
      [NOW_MS, "one, ü and more"],
      [NOW_MS, "cut off"],
    ]);
  }
});

test("parts without an end are handed on as they are, before they fill this process", () => {
  const text = "x".repeat(4_000);
  const open = Array.from({ length: 300 }, (_, id) => parts(id, `${text}${text}`, BigInt(NOW_MS), 4_000)[0]);
  const { seen } = split(Buffer.concat(open.flatMap((part) => part ?? [])), 65_536);
  assert.ok(seen.length > 250 && seen.length < 300, `${seen.length}`);
  assert.ok(seen.every((record) => (record as [number, string])[1] === text));
});

test("whatever is printed and recorded arrives whole and in order", () => {
  const line = fc.string({ unit: "grapheme", maxLength: 20 }).map((text) => `${text.replaceAll("\n", "")}\n`);
  const record = fc.string({ unit: "grapheme", maxLength: 20 });
  const written = fc.array(
    fc.oneof(
      line.map((text) => ({ line: text })),
      record.map((text) => ({ record: text })),
    ),
  );
  fc.assert(
    fc.property(written, fc.integer({ min: 1, max: 40 }), (parts, size) => {
      const bytes = Buffer.concat(
        parts.map((part) =>
          "line" in part ? Buffer.from(part.line) : frame(0xa55a0003, part.record, BigInt(NOW_MS)),
        ),
      );
      const wanted = parts.map((part) => ("line" in part ? part.line : [NOW_MS, part.record]));
      assert.deepEqual(split(bytes, size).seen, wanted);
    }),
  );
});

for (const [what, bytes] of [
  ["another kind", frame(0xa55a0020, "text", BigInt(NOW_MS))],
  ["a time far off", frame(0xa55a0003, "text", 5n)],
  ["more text than a record has", Buffer.from([0xa5, 0x5a, 0, 3, 0, 0x20, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8])],
] as const) {
  test(`what only begins like a record is printed: ${what}`, () => {
    const { seen, end } = split(Buffer.concat([bytes, Buffer.from("\nmore\n")]), 5);
    end();
    assert.equal(seen.join(""), `${bytes.toString()}\nmore\n`);
  });
}

test("a record that never gets whole is printed when nothing more comes", () => {
  const bytes = frame(0xa55a0003, "cut off", BigInt(NOW_MS)).subarray(0, -1);
  const { seen, end } = split(bytes);
  assert.deepEqual(seen, []);
  end();
  assert.equal(seen.join(""), `${bytes.toString()}\n`);
});

test("a line that is flushed does not go on, a record does", () => {
  const record = frame(0xa55a0003, "a record", BigInt(NOW_MS));
  const seen: unknown[] = [];
  const splitter = splitOutput({
    nowMs: () => NOW_MS,
    onLine: (text) => seen.push(text),
    onRecord: (_, text) => seen.push([text]),
  });
  splitter.write(Buffer.from("not ended"));
  splitter.flush();
  splitter.write(record.subarray(0, 10));
  splitter.flush();
  splitter.write(record.subarray(10));
  splitter.write(Buffer.from([0xa5, 0x5a]));
  splitter.flush();
  assert.deepEqual(seen, ["not ended\n", ["a record"], `${Buffer.from([0xa5, 0x5a]).toString()}\n`]);
});
