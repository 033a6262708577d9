"use strict";

const { writeSync } = process.getBuiltinModule("node:fs");

const HEADER_BYTES = 16;
const FRAME_TYPES = { TEXT: 0xa55a0003, JSON: 0xa55a0002 };

/**
 * Writes log records so that each arrives whole and before anything that follows it: framed to the telemetry file
 * descriptor when the platform gives one, else as lines to standard output.
 * Frame: type with the level's mask (4 bytes), length (4), microseconds since 1970 (8), all big-endian, then the text.
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
  return { write: (mask, time, text) => writeAll(fd, frame((FRAME_TYPES[format] | mask) >>> 0, time, text)) };
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
