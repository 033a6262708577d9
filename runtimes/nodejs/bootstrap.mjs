/**
 * Entry point of the Node.js runtimes inside a sandbox. The listeners are handed over while our own modules load;
 * the function's code is touched only after that. What NODE_OPTIONS names (--require, --import) is the exception:
 * Node runs it before this file.
 *
 * All files here take Node's own modules with `process.getBuiltinModule`: an import reads every property of such a module,
 * and with them some thirty others are loaded (`fs/promises`, `readline`, `worker_threads` …), for a sixth of the start.
 */
import { exposeGc } from "./exposed-gc.mjs";
import { handOverListeners } from "./hand-over.mjs";

exposeGc();
const [{ startRuntime, startWaitingRuntime }, isReserve] = await Promise.all([
  import("./runtime.mjs"),
  handOverListeners(),
]);
// Not awaited: a process that ends because nothing is left to do must not be reported as an unsettled top-level await.
if (isReserve) void startWaitingRuntime();
else void startRuntime();
