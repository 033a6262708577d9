"use strict";

/**
 * Start of the client. The listeners are handed over while our own modules load; the function's code is touched only
 * after that. What NODE_OPTIONS names (--require, --import) is the exception: Node runs it before this file.
 *
 * The client is CommonJS, since Node's loader of ES modules costs a seventh of the start, and functions that are none need it
 * not. All files here take Node's own modules with `process.getBuiltinModule`, which nothing that NODE_OPTIONS names
 * has replaced.
 */
const { exposeGc } = require("./exposed-gc.cjs");
const { handOverListeners } = require("./hand-over.cjs");

exposeGc();
const { LAMBENT_RESERVE, LAMBENT_RESERVE_PRELOAD, LAMBENT_ZYGOTE } = process.env;
const isForked = LAMBENT_ZYGOTE !== undefined;
const preloads = LAMBENT_RESERVE_PRELOAD === "1";
const handedOver = isForked
  ? require("./zygote.cjs").serveForks().then(handOverListeners)
  : handOverListeners();
const start = LAMBENT_RESERVE === "1" ? waitingStart() : require("./runtime.cjs").startRuntime;
hideClient();
void handedOver.then(() => void start());

function waitingStart() {
  const { rehearsalOf, startWaitingRuntime } = require("./waiting-runtime.cjs");
  return () => startWaitingRuntime(rehearsalOf({ preloads, isForked }));
}

/** AWS: what its runtime consists of is neither a function's main module nor among the modules it has loaded. */
function hideClient() {
  const { _cache } = process.getBuiltinModule("node:module");
  for (const file of Object.keys(_cache)) {
    if (file.startsWith(`${__dirname}/`)) delete _cache[file];
  }
  delete process.mainModule;
}
