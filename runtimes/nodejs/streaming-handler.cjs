"use strict";

const { runtimeError } = require("./errors.cjs");

/** The markers that AWS's own runtime client puts on handlers; libraries set them too. */
const STREAMING = Symbol.for("aws.lambda.runtime.handler.streaming");
const HIGH_WATER_MARK = Symbol.for("aws.lambda.runtime.handler.streaming.highWaterMark");

/** Whether the handler streams its response. */
function isStreaming(handler) {
  const kind = handler[STREAMING];
  if (!kind) return false;
  if (kind === "response") return true;
  throw runtimeError("MalformedStreamingHandler", "Only response streaming is supported.");
}

/** Bytes after which the handler's stream asks it to wait; undefined for Node's own measure. */
function highWaterMark(handler) {
  const bytes = Number(handler[HIGH_WATER_MARK]);
  return bytes > 0 ? bytes : undefined;
}

/**
 * Runs a streaming handler until its response is complete. Rejects with what the handler threw, or with why its
 * response is not whole; texts are those of aws-lambda-ric 4.
 */
async function runStreamingHandler(handler, event, { responseStream, context }) {
  const returned = handler(event, responseStream, context);
  if (typeof returned?.then !== "function") throw new Error("Streaming does not support non-async handlers.");
  const result = await returned;
  if (result !== undefined) console.warn("Streaming handlers ignore return values.");
  await responseStream.completed;
  if (!responseStream.writableFinished) throw new Error("Response stream is not finished.");
}

module.exports = { STREAMING, HIGH_WATER_MARK, isStreaming, highWaterMark, runStreamingHandler };
