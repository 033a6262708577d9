"use strict";

const { supportsCallbacks } = require("./handler-loader.cjs");
const { InvokeStore } = require("./invoke-store.cjs");
const { HIGH_WATER_MARK, STREAMING } = require("./streaming-handler.cjs");

const HTTP_INTEGRATION = "application/vnd.awslambda.http-integration-response";
const DELIMITER = new Uint8Array(8);

const HttpResponseStream = {
  /** AWS: the metadata of an HTTP response stands before its body as JSON, eight zero bytes between them. */
  from(responseStream, metadata) {
    responseStream.setContentType(HTTP_INTEGRATION);
    const prelude = JSON.stringify(metadata);
    responseStream._onBeforeFirstWrite = (write) => {
      write(prelude);
      write(DELIMITER);
    };
    return responseStream;
  },
};

/** Marks a handler as one that takes a stream to write its response to. */
function streamifyResponse(handler, options) {
  handler[STREAMING] = "response";
  if (typeof options?.highWaterMark === "number") {
    handler[HIGH_WATER_MARK] = Number.parseInt(String(options.highWaterMark), 10);
  }
  return handler;
}

/**
 * The global `awslambda`, unless AWS_LAMBDA_NODEJS_NO_GLOBAL_AWSLAMBDA asks to leave it out. Returns the store of the
 * invocation, which came with Node.js 24.
 */
function installAwslambda() {
  const without = process.env.AWS_LAMBDA_NODEJS_NO_GLOBAL_AWSLAMBDA;
  if (without === "1" || without === "true") return undefined;
  const store = supportsCallbacks() ? {} : { InvokeStore: new InvokeStore() };
  globalThis.awslambda = { ...globalThis.awslambda, ...store, streamifyResponse, HttpResponseStream };
  return store.InvokeStore;
}

module.exports = { installAwslambda };
