"use strict";

const fs = process.getBuiltinModule("node:fs");
const Module = process.getBuiltinModule("node:module");
const path = process.getBuiltinModule("node:path");
const vm = process.getBuiltinModule("node:vm");

/** Node reads compiled ES modules from files only, and a function's /tmp is the one place where files can be written. */
const DIRECTORY = "/tmp/.lambent-compiled";
/** As Node names them: for itself, and for a module. */
const NAME = /^[\w.-]+\/[0-9a-f]+(\.cache)?$/;
/** Of Node's files: five numbers, then what V8 made, which begins with its own. */
const SOURCE_LENGTH_AT = 4;
const CHECKSUM_AT = 16;
const CODE_AT = 20;
/** In what V8 made: of the flags that it made it with. */
const FLAGS_AT = 12;

/**
 * ES modules with the compiled code that Node's own compile cache keeps of them. That has, of each module, what is
 * compiled when it is loaded: little, as V8 compiles functions when they are called. So the environment that makes it
 * has V8 compile all functions at once, where there is memory enough, which is what the flag is for; and as V8 takes
 * nothing that was made with other flags, its mark on the code is then set to that of the flags that all
 * environments have.
 */
class Making {
  #compilesAll;
  #plainMark = markOfFlags();
  #eagerMark;

  constructor(compilesAll) {
    this.#compilesAll = compilesAll;
    this.#setLazy(false);
    this.#eagerMark = markOfFlags();
  }

  /** For code that is kept in another way. */
  lazily(compile) {
    this.#setLazy(true);
    try {
      return compile();
    } finally {
      this.#setLazy(false);
    }
  }

  #setLazy(isLazy) {
    if (this.#compilesAll)
      process.getBuiltinModule("node:v8").setFlagsFromString(isLazy ? "--lazy" : "--no-lazy");
  }

  /** Ends it. `files`: names and contents; `sourceLength`: of the modules in them. */
  collect() {
    this.#setLazy(true);
    Module.flushCompileCache();
    // Not loaded where a pack is used.
    const { crc32 } = process.getBuiltinModule("node:zlib");
    const files = [];
    let sourceLength = 0;
    for (const name of fs.readdirSync(DIRECTORY, { recursive: true })) {
      if (!NAME.test(name)) continue;
      const bytes = fs.readFileSync(path.join(DIRECTORY, name));
      const code = bytes.subarray(CODE_AT);
      // Another Node might write something else.
      if (bytes.readUInt32LE(CHECKSUM_AT) !== crc32(code)) continue;
      if (code.readUInt32LE(FLAGS_AT) === this.#eagerMark) {
        code.writeUInt32LE(this.#plainMark, FLAGS_AT);
        bytes.writeUInt32LE(crc32(code), CHECKSUM_AT);
      }
      sourceLength += bytes.readUInt32LE(SOURCE_LENGTH_AT);
      files.push([name, bytes]);
    }
    removeFiles();
    return { files, sourceLength };
  }
}

const markOfFlags = () => new vm.Script("0").createCachedData().readUInt32LE(FLAGS_AT);

const removeFiles = () => fs.rmSync(DIRECTORY, { recursive: true, force: true });

/** False where Node has no such cache, or the function has one of its own. */
function enable() {
  if (Module.flushCompileCache === undefined || process.env.NODE_COMPILE_CACHE) return false;
  const { status } = Module.enableCompileCache(DIRECTORY);
  if (status !== Module.constants.compileCacheStatus.ENABLED) return false;
  // As without. A replacement once for all: nothing tells when nobody asks any more.
  Module.getCompileCacheDir = function getCompileCacheDir() {};
  Module.syncBuiltinESMExports();
  return true;
}

/** To be called before the function's modules are loaded; undefined where it cannot be done. */
function makeModuleCache(compilesAll) {
  removeFiles();
  if (enable()) return new Making(compilesAll);
  removeFiles();
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
