"use strict";

/**
 * AWS: its Node.js is started with `--expose-gc`, so functions have `gc()`. Given as a flag it would cost every start a
 * fifth of its processor time: V8 refuses the compiled code that Node brings along when it runs with another set of flags.
 * So the flag holds for the moment in which the function is fetched, at its first call. What it was started with is told,
 * and passed on to child processes, as on AWS. Worker threads have no `gc`.
 */
function exposeGc() {
  if (globalThis.gc !== undefined) return;
  let collect;
  const value = function gc(...parameters) {
    collect ??= fetchGc();
    return collect(...parameters);
  };
  Object.defineProperty(globalThis, "gc", { value, writable: true, enumerable: true });
  process.execArgv.unshift("--expose-gc");
}

function fetchGc() {
  const { setFlagsFromString } = process.getBuiltinModule("node:v8");
  const { runInNewContext } = process.getBuiltinModule("node:vm");
  setFlagsFromString("--expose-gc");
  try {
    return runInNewContext("gc");
  } finally {
    setFlagsFromString("--no-expose-gc");
  }
}

/**
 * Gives back what the start has left behind, a seventh of an idle environment's memory. Compiled code stays; what V8 has
 * learnt about it goes, and is to be learnt again.
 */
function collectEverything() {
  const { setFlagsFromString } = process.getBuiltinModule("node:v8");
  setFlagsFromString("--no-flush-bytecode");
  try {
    fetchGc()({ type: "major", execution: "sync", flavor: "last-resort" });
  } finally {
    setFlagsFromString("--flush-bytecode");
  }
}

/** Leaves no young objects behind. What survives once is young still. */
function collectYoung() {
  for (let round = 0; round < 2; round++) fetchGc()({ type: "minor", execution: "sync" });
}

module.exports = { collectEverything, collectYoung, exposeGc };
