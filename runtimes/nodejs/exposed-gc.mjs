/**
 * AWS: its Node.js is started with `--expose-gc`, so functions have `gc()`. Given as a flag it would cost every start a
 * fifth of its processor time: V8 refuses the compiled code that Node brings along when it runs with another set of flags.
 * So the flag holds for the moment in which the function is fetched, at its first call. What it was started with is told,
 * and passed on to child processes, as on AWS. Worker threads have no `gc`.
 */
export function exposeGc() {
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
