"use strict";

/**
 * The handles below Node's servers and channels, by the names of their bindings: `net` loads `cluster`, `child_process` and `dns`
 * to listen, which costs a tenth of the start. Undefined where the function's NODE_OPTIONS keep them from everybody.
 */
function nodeBindings(...names) {
  // NODE_OPTIONS may ask to be told of every use of process.binding. This one is not the function's.
  const isTold = !process.noDeprecation;
  const before = Object.getOwnPropertyDescriptor(process, "noDeprecation");
  if (isTold) process.noDeprecation = true;
  try {
    return Object.fromEntries(names.map((name) => [name, process.binding(name)]));
  } catch {
    return undefined;
  } finally {
    if (isTold) {
      if (before === undefined) delete process.noDeprecation;
      else Object.defineProperty(process, "noDeprecation", before);
    }
  }
}

module.exports = { nodeBindings };
