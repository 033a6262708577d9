"use strict";

const { asError, errorLogText } = require("./errors.cjs");
const { createLogSink } = require("./log-sink.cjs");

const { format } = process.getBuiltinModule("node:util");

const LEVELS = {
  TRACE: { priority: 1, mask: 0x04 },
  DEBUG: { priority: 2, mask: 0x08 },
  INFO: { priority: 3, mask: 0x0c },
  WARN: { priority: 4, mask: 0x10 },
  ERROR: { priority: 5, mask: 0x14 },
  FATAL: { priority: 6, mask: 0x18 },
};

/**
 * Makes console.*, or those of `target`, write AWS's log records: "ISO time, request id, level, message" separated by tabs, or JSON when
 * AWS_LAMBDA_LOG_FORMAT asks for it, filtered by AWS_LAMBDA_LOG_LEVEL. Returns what the runtime itself logs with.
 * `requestIdOf` tells the current invocation, undefined during initialisation.
 */
function patchConsole(requestIdOf, target = console) {
  const logFormat = process.env.AWS_LAMBDA_LOG_FORMAT?.toUpperCase() === "JSON" ? "JSON" : "TEXT";
  const minimum = LEVELS[process.env.AWS_LAMBDA_LOG_LEVEL?.toUpperCase()] ?? LEVELS.TRACE;
  const sink = createLogSink(logFormat);
  const record = logFormat === "JSON" ? jsonRecord : textRecord;

  const method = (name) => {
    const { priority, mask } = LEVELS[name];
    if (priority < minimum.priority) return () => {};
    return (...values) => {
      const now = new Date();
      sink.write(mask, now.getTime(), record(now.toISOString(), requestIdOf() ?? "-", name, values));
    };
  };
  for (const name of Object.keys(LEVELS)) target[name.toLowerCase()] = method(name);
  target.log = target.info;

  return {
    /** Logs what was thrown at level ERROR, in AWS's form. */
    logError(title, thrown) {
      if (logFormat === "JSON") console.error(asError(thrown));
      else console.error(title, errorLogText(thrown));
    },
  };
}

function textRecord(time, requestId, level, values) {
  return `${time}\t${requestId}\t${level}\t${format(...values)}\n`;
}

function jsonRecord(timestamp, requestId, level, values) {
  const record = { timestamp, level, requestId };
  if (values.length <= 1) {
    record.message = values[0];
    try {
      return JSON.stringify(record, describeErrors);
    } catch {
      // A cycle or a BigInt: as text then.
    }
  }
  record.message = format(...values);
  const error = values.slice(1).find((value) => value instanceof Error);
  return JSON.stringify(error === undefined ? record : { ...record, ...describe(error) });
}

const describe = (error) => ({
  errorType: error.constructor?.name ?? "UnknownError",
  errorMessage: error.message,
  stackTrace: typeof error.stack === "string" ? error.stack.split("\n") : [],
});

const describeErrors = (_key, value) =>
  value instanceof Error ? Object.assign(describe(value), value) : value;

module.exports = { patchConsole };
