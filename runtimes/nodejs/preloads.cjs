"use strict";

/**
 * Those of Node's modules that clients of services over the network load, AWS's SDK first of all: a third of the time that
 * its clients take to load.
 */
const MODULES = [
  "node:http",
  "node:https",
  "node:http2",
  "node:zlib",
  "node:crypto",
  "node:fs/promises",
  "node:os",
  "node:stream/web",
];
/** What these, and `process`, load when someone looks: whoever imports all of one does. */
const LATE_PARTS = {
  "node:crypto": "webcrypto",
  "node:fs": "ReadStream",
  "node:process": "report",
};
/** As the process lists it; what has loaded it gains from what waits with all of them. */
const SIGN = "NativeModule https";

/** One after the other, with a step each. */
function* preload() {
  for (const module of MODULES) yield process.getBuiltinModule(module);
  for (const [module, part] of Object.entries(LATE_PARTS)) yield process.getBuiltinModule(module)[part];
}

/** Whether the function uses them. */
const hasLoadedPreloads = () => process.moduleLoadList.includes(SIGN);

module.exports = { hasLoadedPreloads, preload };
