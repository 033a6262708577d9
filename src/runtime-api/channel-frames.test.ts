import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import {
  BodyReader,
  eventFrame,
  FROM_RUNTIME,
  type FrameHandler,
  FrameReader,
  HEADER_BYTES,
  MalformedFrame,
} from "./channel-frames.ts";

const PAYLOAD_BYTES_MAX = 10_000;
const KINDS_WITHOUT_BODY: readonly number[] = [FROM_RUNTIME.next, FROM_RUNTIME.streamEnd];
const ANSWERS: readonly number[] = [
  FROM_RUNTIME.response,
  FROM_RUNTIME.error,
  FROM_RUNTIME.responseAndNext,
  FROM_RUNTIME.errorAndNext,
];

interface Frame {
  readonly kind: number;
  readonly body: Buffer;
}

function bytesOf({ kind, body }: Frame): Buffer {
  const header = Buffer.alloc(HEADER_BYTES);
  header.writeUInt32BE(body.length, 0);
  header[4] = kind;
  return Buffer.concat([header, body]);
}

/** Collects what comes out; pieces that belong together are put together again. */
class Collector implements FrameHandler {
  readonly frames: Frame[] = [];
  readonly oversizedKinds: number[] = [];
  pieces = Buffer.alloc(0);
  largestKept = 0;
  wait: (() => Promise<void> | undefined) | undefined;

  frame(kind: number, body: Buffer): void {
    this.largestKept = Math.max(this.largestKept, body.length);
    this.frames.push({ kind, body: Buffer.from(body) });
  }

  oversized(kind: number, start: Buffer): void {
    this.largestKept = Math.max(this.largestKept, start.length);
    this.oversizedKinds.push(kind);
  }

  piece(part: Buffer): Promise<void> | undefined {
    this.pieces = Buffer.concat([this.pieces, part]);
    return this.wait?.();
  }

  room(): Promise<void> | undefined {
    return this.wait?.();
  }
}

const body = (maxLength: number) => fc.uint8Array({ maxLength }).map((bytes): Buffer => Buffer.from(bytes));
const of = (kinds: readonly number[], bodies: fc.Arbitrary<Buffer>): fc.Arbitrary<Frame> =>
  fc.tuple(fc.constantFrom(...kinds), bodies).map(([kind, bytes]) => ({ kind, body: bytes }));
const frame: fc.Arbitrary<Frame> = fc.oneof(
  of(KINDS_WITHOUT_BODY, fc.constant(Buffer.alloc(0))),
  of(ANSWERS, body(300)),
  of([FROM_RUNTIME.streamBegin], body(100)),
  of([FROM_RUNTIME.streamPiece], body(300)),
);
const cuts = fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1, maxLength: 20 });

function portions(bytes: Buffer, lengths: readonly number[]): Buffer[] {
  const parts: Buffer[] = [];
  for (let at = 0, turn = 0; at < bytes.length; turn++) {
    const length = lengths[turn % lengths.length] ?? 1;
    parts.push(bytes.subarray(at, at + length));
    at += length;
  }
  return parts;
}

describe("frames from a runtime", () => {
  test("come out as they went in, however they are cut, and whether or not a piece has to wait", async () => {
    const property = fc.asyncProperty(fc.array(frame), cuts, fc.boolean(), async (frames, lengths, waits) => {
      const collector = new Collector();
      if (waits) collector.wait = () => new Promise((resolve) => setImmediate(resolve));
      const reader = new FrameReader(collector, PAYLOAD_BYTES_MAX);
      for (const part of portions(Buffer.concat(frames.map(bytesOf)), lengths)) await reader.push(part);
      const isPiece = ({ kind }: Frame): boolean => kind === FROM_RUNTIME.streamPiece;
      assert.deepEqual(
        collector.frames,
        frames.filter((each) => !isPiece(each)),
      );
      assert.deepEqual(collector.pieces, Buffer.concat(frames.filter(isPiece).map((each) => each.body)));
    });
    await fc.assert(property, { numRuns: 60 });
  });

  test("a frame that is cut off comes to nothing", () => {
    fc.assert(
      fc.property(body(300), fc.nat(), (bytes, cut) => {
        const whole = bytesOf({ kind: FROM_RUNTIME.responseAndNext, body: bytes });
        const collector = new Collector();
        new FrameReader(collector, PAYLOAD_BYTES_MAX).push(whole.subarray(0, cut % whole.length));
        assert.deepEqual(collector.frames, []);
      }),
    );
  });

  test("an answer beyond the limit is read to its end and not kept", () => {
    const collector = new Collector();
    const reader = new FrameReader(collector, PAYLOAD_BYTES_MAX);
    const header = Buffer.alloc(HEADER_BYTES);
    const length = 0xffff_ffff;
    header.writeUInt32BE(length, 0);
    header[4] = FROM_RUNTIME.response;
    reader.push(header);
    const chunk = Buffer.alloc(65_536);
    for (let left = length; left > 0; left -= chunk.length)
      reader.push(chunk.subarray(0, Math.min(left, chunk.length)));
    assert.deepEqual(collector.oversizedKinds, [FROM_RUNTIME.response]);
    assert.ok(collector.largestKept <= chunk.length);
    reader.push(bytesOf({ kind: FROM_RUNTIME.next, body: Buffer.alloc(0) }));
    assert.equal(collector.frames.length, 1);
  });

  test("any header that no frame can have is refused at once, and any bytes are taken or refused", () => {
    const refused = (kind: number, length: number): void => {
      const header = Buffer.alloc(HEADER_BYTES);
      header.writeUInt32BE(length, 0);
      header[4] = kind;
      assert.throws(() => new FrameReader(new Collector(), PAYLOAD_BYTES_MAX).push(header), MalformedFrame);
    };
    fc.assert(fc.property(fc.integer({ min: 10, max: 255 }), fc.nat(0xffff_ffff), refused));
    fc.assert(
      fc.property(fc.constantFrom(...KINDS_WITHOUT_BODY), fc.integer({ min: 1, max: 0xffff_ffff }), refused),
    );
    refused(0, 0);
    refused(FROM_RUNTIME.streamBegin, 4_097);
    refused(FROM_RUNTIME.streamFail, 1_048_577);
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        try {
          new FrameReader(new Collector(), PAYLOAD_BYTES_MAX).push(Buffer.from(bytes));
        } catch (error) {
          assert.ok(error instanceof MalformedFrame);
        }
      }),
    );
  });

  test("texts that are longer than their frame are refused", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 40 }), (bytes) => {
        const reader = new BodyReader(Buffer.from(bytes));
        try {
          const texts = [reader.shortText(), reader.text()];
          assert.equal(texts.join("").length + 3 + reader.rest().length, bytes.length);
        } catch (error) {
          assert.ok(error instanceof MalformedFrame);
        }
      }),
    );
  });
});

test("an event has all its parts, with a small payload and with a large one", () => {
  for (const size of [0, 10, 16_384, 16_385, 6_291_556]) {
    const payload = Buffer.alloc(size, "x");
    const event = {
      requestId: "8476a536-e9f4-11e8-9739-000000000001",
      payload,
      deadlineMs: 1_795_000_000_123,
      invokedFunctionArn: "arn:aws:lambda:us-east-1:123456789012:function:f",
      traceHeader: "Root=1-5bef4de7-ad49b0e87f6ef6c87fc2e700",
      clientContext: '{"custom":{"ü":"€"}}',
    };
    const parts = eventFrame(event);
    const bytes = Buffer.concat(parts.filter((part) => part !== undefined));
    assert.equal(bytes.readUInt32BE(0), bytes.length - HEADER_BYTES);
    assert.equal(bytes.readDoubleBE(5), event.deadlineMs);
    const texts = [event.requestId, event.invokedFunctionArn, event.traceHeader, event.clientContext].join(
      "",
    );
    const from = bytes.length - size - Buffer.byteLength(texts);
    assert.equal(bytes.toString("utf8", from, bytes.length - size), texts);
    assert.deepEqual(bytes.subarray(bytes.length - size), payload);
    assert.equal(parts.length, size > 16_384 ? 2 : 1);
  }
});
