"use strict";

const { writeSync } = process.getBuiltinModule("node:fs");

const HEADER_BYTES = 16;
const FRAME_TYPES = { TEXT: 0xa55a0003, JSON: 0xa55a0002 };
const PART = 0x20;
const PART_HEADER_BYTES = HEADER_BYTES + 8;
/** The kernel puts nothing of others into a write to a pipe that is no longer. */
const ATOMIC_BYTES = 4096;
const PART_TEXT_BYTES = ATOMIC_BYTES - PART_HEADER_BYTES;

let records = 0;

/**
 * Writes log records so that each arrives whole and before anything that follows it: framed to the telemetry file
 * descriptor when the platform gives one, else as lines to standard output.
 * Frame: type with the level's mask (4 bytes), length (4), microseconds since 1970 (8), all big-endian, then the text.
 * What is longer than the kernel keeps whole comes in parts (0x20 in the type): before the text of each stand the id of
 * the record (4) and the number of bytes still to come (4), which are in its length.
 */
function createLogSink(format) {
  const fd = Number(process.env._LAMBDA_TELEMETRY_LOG_FD ?? Number.NaN);
  delete process.env._LAMBDA_TELEMETRY_LOG_FD;
  if (!Number.isInteger(fd) || fd < 0) {
    // A line of standard output is one record: line breaks within it become carriage returns.
    return {
      write: (_mask, _time, text) => process.stdout.write(`${text.trimEnd().replaceAll("\n", "\r")}\n`),
    };
  }
  return {
    write(mask, time, text) {
      const type = (FRAME_TYPES[format] | mask) >>> 0;
      const bytes = frame(type, time, text);
      if (bytes.length <= ATOMIC_BYTES) writeAll(fd, bytes);
      else writeParts(fd, (type | PART) >>> 0, bytes);
    },
  };
}

function writeParts(fd, type, bytes) {
  const part = Buffer.allocUnsafe(ATOMIC_BYTES);
  bytes.copy(part, 0, 0, HEADER_BYTES);
  part.writeUInt32BE(type, 0);
  records = (records + 1) & 0xffff;
  part.writeUInt16BE(process.pid & 0xffff, HEADER_BYTES);
  part.writeUInt16BE(records, HEADER_BYTES + 2);
  for (let at = HEADER_BYTES; at < bytes.length; ) {
    const end = Math.min(bytes.length, at + PART_TEXT_BYTES);
    part.writeUInt32BE(PART_HEADER_BYTES - HEADER_BYTES + end - at, 4);
    part.writeUInt32BE(bytes.length - end, HEADER_BYTES + 4);
    bytes.copy(part, PART_HEADER_BYTES, at, end);
    writeAll(fd, part.subarray(0, PART_HEADER_BYTES + end - at));
    at = end;
  }
}

function frame(type, time, text) {
  const length = Buffer.byteLength(text);
  const bytes = Buffer.allocUnsafe(HEADER_BYTES + length);
  bytes.writeUInt32BE(type, 0);
  bytes.writeUInt32BE(length, 4);
  bytes.writeBigUInt64BE(BigInt(time) * 1000n, 8);
  bytes.write(text, HEADER_BYTES);
  return bytes;
}

function writeAll(fd, bytes) {
  let written = 0;
  while (written < bytes.length) {
    try {
      written += writeSync(fd, bytes, written);
    } catch (error) {
      if (error.code !== "EAGAIN") throw error;
      // The pipe is full and does not block: give the reader a millisecond.
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1);
    }
  }
}

module.exports = { createLogSink };
