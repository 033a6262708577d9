"use strict";

const { existsSync } = process.getBuiltinModule("node:fs");
const Module = process.getBuiltinModule("node:module");
const path = process.getBuiltinModule("node:path");
const { pathToFileURL } = process.getBuiltinModule("node:url");

const MISSING = new Set(["ERR_MODULE_NOT_FOUND", "MODULE_NOT_FOUND"]);
const NO_PACKAGE = /^(\.{0,2}\/|#|file:|node:|data:)/;
const SDK_PACKAGE = /Cannot find (?:package|module) '(@aws-sdk\/[^']+)'/;

/** Of the last search: a waiting environment has another one before it knows its function. */
let hooks;

/**
 * AWS: an `import` finds packages in the directories of NODE_PATH as well, those of layers and the AWS SDK, since the
 * Node.js 18 runtime. Node itself looks there for `require` alone. What is found next to the code comes first.
 */
function searchNodePath() {
  hooks?.deregister();
  hooks = undefined;
  const parents = (process.env.NODE_PATH ?? "")
    .split(":")
    .filter((directory) => directory.endsWith("/node_modules") && existsSync(directory))
    .map((directory) => pathToFileURL(path.join(path.dirname(directory), "importer.mjs")).href);
  // Node.js before 22.15 has no such hooks.
  if (parents.length === 0 || Module.registerHooks === undefined) return;
  hooks = Module.registerHooks({
    resolve(specifier, context, nextResolve) {
      try {
        return nextResolve(specifier, context);
      } catch (error) {
        if (!MISSING.has(error?.code) || NO_PACKAGE.test(specifier)) throw error;
        for (const parentURL of parents) {
          try {
            return nextResolve(specifier, { ...context, parentURL });
          } catch {
            // Not there either.
          }
        }
        throw error;
      }
    },
  });
}

/** AWS's runtimes bring the SDK; where this machine has none, the log says how to have it. */
function adviseOnMissingSdk(error) {
  const [, name] = SDK_PACKAGE.exec(String(error?.message)) ?? [];
  if (name === undefined) return;
  process.stderr.write(
    `${name} is neither in the package nor on this machine. The AWS SDK that AWS's runtime brings comes with: lambent runtime install aws-sdk-nodejs\n`,
  );
}

module.exports = { searchNodePath, adviseOnMissingSdk };
