"use strict";

const { importModule } = require("./imports.cjs");

const fs = process.getBuiltinModule("node:fs");
const Module = process.getBuiltinModule("node:module");
const path = process.getBuiltinModule("node:path");

/** Node reads compiled ES modules from files only, and a function's /tmp is the one place where files can be written. */
const DIRECTORY = "/tmp/.lambent-compiled";
/** As Node names them: for itself, and for a module. */
const NAME = /^[\w.-]+\/[0-9a-f]+(\.cache)?$/;
/** Of Node's files: five numbers, then what V8 made. */
const SOURCE_LENGTH_AT = 4;
const CHECKSUM_AT = 16;
const CODE_AT = 20;
/** Only what cannot change below an environment. */
const READ_ONLY = /^file:\/\/\/(var\/task|var\/lambent|opt)\//;
/** Names that no function has. */
const ROOT = "lambent:compiled-again";
const MISSING = "lambent:missing";
const NOTHING = { files: [], sourceLength: 0 };

/**
 * ES modules with the compiled code that Node's own compile cache keeps of them. That takes down what is compiled when a
 * module is loaded: little, as V8 compiles functions when they are called. So the cache is there only after the first
 * invocation, and has the modules compiled once more then.
 */
class Making {
  #urls = new Set();
  #hooks = Module.registerHooks({
    resolve: (specifier, context, nextResolve) => {
      const resolved = nextResolve(specifier, context);
      if (resolved.format === "module" && READ_ONLY.test(resolved.url)) this.#urls.add(resolved.url);
      return resolved;
    },
  });

  /** Ends it. `files`: names and contents; `sourceLength`: of the modules in them. */
  async collect() {
    this.#hooks.deregister();
    removeFiles();
    try {
      if (this.#urls.size === 0 || !enable()) return NOTHING;
      await compileAgain(this.#urls);
      Module.flushCompileCache();
      return readFiles();
    } finally {
      removeFiles();
    }
  }
}

/**
 * V8 keeps what it has compiled, with the functions in it that were called since, and whoever wants the same source compiled
 * under the same name gets that. So the modules are imported as if they were something else, by a module that needs yet
 * another one, which cannot be found: they are compiled, but never evaluated.
 */
async function compileAgain(urls) {
  const imports = Array.from(urls, (url) => `import ${JSON.stringify(url)} with { type: "json" };`);
  const source = `${imports.join("")}import "${MISSING}";`;
  // Nothing of this comes to hooks of the function's own.
  const hooks = Module.registerHooks({
    resolve(specifier, context, nextResolve) {
      const { parentURL, importAttributes } = context;
      if (specifier !== ROOT && parentURL !== ROOT) return nextResolve(specifier, context);
      if (specifier === MISSING) throw new Error(MISSING);
      return { url: specifier, format: "module", importAttributes, shortCircuit: true };
    },
    load(url, context, nextLoad) {
      if (url === ROOT) return { format: "module", source, shortCircuit: true };
      if (!urls.has(url) || context.importAttributes?.type !== "json") return nextLoad(url, context);
      return { format: "module", source: fs.readFileSync(new URL(url)), shortCircuit: true };
    },
  });
  try {
    await importModule(ROOT).catch(() => {});
    // The one that is missing may be missed before the others are compiled.
    await new Promise((resolve) => setImmediate(resolve));
  } finally {
    hooks.deregister();
  }
}

function readFiles() {
  // Not loaded where a pack is used.
  const { crc32 } = process.getBuiltinModule("node:zlib");
  const files = [];
  let sourceLength = 0;
  for (const name of fs.readdirSync(DIRECTORY, { recursive: true })) {
    if (!NAME.test(name)) continue;
    const bytes = fs.readFileSync(path.join(DIRECTORY, name));
    // Another Node might write something else.
    if (bytes.readUInt32LE(CHECKSUM_AT) !== crc32(bytes.subarray(CODE_AT))) continue;
    sourceLength += bytes.readUInt32LE(SOURCE_LENGTH_AT);
    files.push([name, bytes]);
  }
  return { files, sourceLength };
}

const removeFiles = () => fs.rmSync(DIRECTORY, { recursive: true, force: true });

/** Whether Node has such a cache, and the function none of its own. */
const isAvailable = () => Module.flushCompileCache !== undefined && !process.env.NODE_COMPILE_CACHE;

/** False where the function has a cache of its own by now. */
function enable() {
  if (!isAvailable()) return false;
  const { status } = Module.enableCompileCache(DIRECTORY);
  if (status !== Module.constants.compileCacheStatus.ENABLED) return false;
  // As without. A replacement once for all: nothing tells when nobody asks any more.
  Module.getCompileCacheDir = function getCompileCacheDir() {};
  Module.syncBuiltinESMExports();
  return true;
}

/** To be called before the function's modules are loaded; undefined where it cannot be done. */
function makeModuleCache() {
  // Node.js before 22.15 has no such hooks.
  return isAvailable() && Module.registerHooks !== undefined ? new Making() : undefined;
}

/** Has modules that are loaded from now on use these files; the returned function removes them. */
function useModuleCache(files) {
  removeFiles();
  try {
    for (const [name, bytes] of files) {
      if (!NAME.test(name)) continue;
      const file = path.join(DIRECTORY, name);
      fs.mkdirSync(path.dirname(file), { recursive: true, mode: 0o700 });
      fs.writeFileSync(file, bytes, { mode: 0o600 });
    }
    enable();
  } catch {
    // The code is compiled as ever.
  }
  return () => {
    removeFiles();
    // What Node has read of them is not needed any more.
    Module.flushCompileCache?.();
  };
}

module.exports = { makeModuleCache, useModuleCache };
