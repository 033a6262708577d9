"use strict";

const { HttpResponseReader } = require("./http-response-reader.cjs");
const { makeModuleCache, useModuleCache } = require("./module-cache.cjs");
const { download } = require("./pack-download.cjs");
const { hasLoadedPreloads } = require("./preloads.cjs");

const Module = process.getBuiltinModule("node:module");
const { connect } = process.getBuiltinModule("node:net");
const path = process.getBuiltinModule("node:path");
const vm = process.getBuiltinModule("node:vm");

const VARIABLE = "_LAMBENT_CODE_CACHE";
const PATH = "/lambent/code-cache";
/** Only what cannot change below an environment. */
const READ_ONLY = /^\/(var\/task|var\/lambent|opt)\//;
/** AWS knows nothing of it: below this a pack costs more time than it saves. Characters of source. */
const WORTHWHILE_SOURCE_LENGTH = 50_000;
const PRELOADS_PATH = `${PATH}?preloads`;
const NOTHING = Buffer.alloc(0);
const HEADER_BYTES = 4;
/** On a line of its own, so that lines and columns stay those of the file. */
const WRAPPER = ["(function (exports, require, module, __filename, __dirname) {\n", "\n})"];

/**
 * The compiled code of one function version's CommonJS files: made by an environment after its first invocation, with
 * all functions in it that were compiled by then, kept by the platform, and used by later environments of the same
 * deployment. V8 rejects what another version or other flags have made; the file is then compiled as ever.
 * Where the function itself is an ES module, those of its ES modules are in the pack too (`module-cache.cjs`).
 */
class CodeCache {
  #makes;
  /** File names and their code, where it does not make one. */
  #pack;
  /** What keeps the ES modules' code, where it makes one; what removes it, where it does not. */
  #making;
  #endUse;
  #scripts = new Map();
  #sourceLength = 0;
  #original = Module.prototype._compile;
  #replacement;

  constructor({ pack, making, endUse }) {
    this.#makes = pack === undefined;
    this.#pack = pack;
    this.#making = making;
    this.#endUse = endUse;
    const original = this.#original;
    const prepare = (...parameters) => this.#prepare(...parameters);
    // As many frames of the stack as Node's own has, one.
    this.#replacement = function _compile(content, filename, format) {
      const prepared = prepare(this, content, filename, format);
      if (prepared === undefined) return original.call(this, content, filename, format);
      const { exports } = this;
      return prepared.compiled.call(
        exports,
        exports,
        prepared.require,
        this,
        filename,
        path.dirname(filename),
      );
    };
    Module.prototype._compile = this.#replacement;
  }

  #prepare(module, content, filename, format) {
    const script = this.#isOurs(content, filename, format) ? this.#script(content, filename) : undefined;
    if (script === undefined) return undefined;
    // Node's own `require` for this module; a replica would differ.
    const require = this.#original.call(module, "return require", filename, "commonjs");
    return { compiled: script.runInThisContext(), require };
  }

  #isOurs(content, filename, format) {
    if (format !== undefined && format !== "commonjs") return false;
    if (typeof content !== "string" || content.startsWith("#!") || process.sourceMapsEnabled) return false;
    return this.#makes ? READ_ONLY.test(filename) : this.#pack.has(filename);
  }

  #script(content, filename) {
    const cachedData = this.#pack?.get(filename);
    if (content.includes("import(")) silenceImportWarning();
    try {
      const script = new vm.Script(WRAPPER[0] + content + WRAPPER[1], {
        filename,
        lineOffset: -1,
        cachedData,
        importModuleDynamically: vm.constants.USE_MAIN_CONTEXT_DEFAULT_LOADER,
      });
      if (script.cachedDataRejected) return undefined;
      if (this.#makes) {
        this.#scripts.set(filename, script);
        this.#sourceLength += content.length;
      }
      return script;
    } catch {
      // Node tells what is wrong with it, in its own words, or finds that it is an ES module.
      return undefined;
    }
  }

  /** After the first invocation all this ends, and a pack is sent. */
  async finish() {
    if (Module.prototype._compile === this.#replacement) Module.prototype._compile = this.#original;
    this.#endUse?.();
    if (!this.#makes) return;
    const modules = (await this.#making?.collect()) ?? { files: [], sourceLength: 0 };
    const isWorthwhile = this.#sourceLength + modules.sourceLength >= WORTHWHILE_SOURCE_LENGTH;
    await send(isWorthwhile ? packOf(this.#scripts, modules.files) : NOTHING);
  }
}

/** In the place of a `CodeCache`, of a function that is too small to have one: what it would say beside a pack. */
const REPORT = { finish: () => send(NOTHING) };

/** With what the platform chooses a waiting program for this deployment by. */
const send = (pack) => post(hasLoadedPreloads() ? PRELOADS_PATH : PATH, pack);

let isSilent = false;

/** Node warns, once in a process, when a script of ours imports something. Without a pack it would say nothing. */
function silenceImportWarning() {
  if (isSilent) return;
  isSilent = true;
  const emitWarning = Object.getOwnPropertyDescriptor(process, "emitWarning");
  Object.defineProperty(process, "emitWarning", { ...emitWarning, value: () => {} });
  try {
    const importModuleDynamically = vm.constants.USE_MAIN_CONTEXT_DEFAULT_LOADER;
    new vm.Script('import("node:module")', { importModuleDynamically }).runInThisContext().catch(() => {});
  } finally {
    Object.defineProperty(process, "emitWarning", emitWarning);
  }
}

/** The names with their places as JSON, of scripts and of modules, its length before it, then the code. */
function packOf(scripts, modules) {
  const parts = [];
  let offset = 0;
  const placeOf = (code) => {
    const place = [offset, code.length];
    offset += code.length;
    parts.push(code);
    return place;
  };
  const places = {
    scripts: Array.from(scripts, ([filename, script]) => [filename, placeOf(script.createCachedData())]),
    modules: modules.map(([name, code]) => [name, placeOf(code)]),
  };
  const index = Buffer.from(JSON.stringify(places));
  const header = Buffer.alloc(HEADER_BYTES);
  header.writeUInt32LE(index.length);
  return Buffer.concat([header, index, ...parts]);
}

function readPack(bytes) {
  const start = HEADER_BYTES + bytes.readUInt32LE();
  const { scripts, modules } = JSON.parse(bytes.toString("utf8", HEADER_BYTES, start));
  const codeOf = ([name, [offset, length]]) => [
    name,
    bytes.subarray(start + offset, start + offset + length),
  ];
  return { scripts: new Map(scripts.map(codeOf)), modules: modules.map(codeOf) };
}

/** A connection of its own, which is gone afterwards. */
function post(path, body) {
  const address = process.env.AWS_LAMBDA_RUNTIME_API;
  const colon = address.lastIndexOf(":");
  const reader = new HttpResponseReader();
  return new Promise((resolve, reject) => {
    const socket = connect({ host: address.slice(0, colon), port: Number(address.slice(colon + 1)) });
    socket.on("error", reject);
    socket.on("close", () => reject(new Error("The Runtime API closed the connection.")));
    socket.on("data", (chunk) => {
      const response = reader.push(chunk);
      if (response === undefined) return;
      resolve(response);
      socket.destroy();
    });
    socket.write(`POST ${path} HTTP/1.1\r\nHost: ${address}\r\nContent-Length: ${body.length}\r\n\r\n`);
    if (body.length > 0) socket.write(body);
  });
}

let current;
let isToReport = false;
let hasServed = false;

/** To be called when the function's code is loaded. */
function codeIsLoaded() {
  if (isToReport && hasLoadedPreloads()) current = REPORT;
}

/**
 * To be awaited before the function's code is loaded. The platform says in a variable, which the function does not see,
 * whether this environment is to use a pack, to make one, to report only, or nothing. `isModule`: the function is an
 * ES module.
 */
async function prepareCodeCache(isModule) {
  const what = process.env[VARIABLE];
  delete process.env[VARIABLE];
  // Without it, import() in a file of the pack would fail: Node.js 22 before 22.8.
  if (vm.constants?.USE_MAIN_CONTEXT_DEFAULT_LOADER === undefined) return;
  try {
    if (what === "make") current = new CodeCache({ making: isModule ? makeModuleCache() : undefined });
    isToReport = what === "report";
    if (what !== "use") return;
    const pack = await download(process.env.AWS_LAMBDA_RUNTIME_API, PATH);
    if (pack === undefined) return;
    const { scripts, modules } = readPack(pack);
    const endUse = modules.length > 0 ? useModuleCache(modules) : undefined;
    current = new CodeCache({ pack: scripts, endUse });
  } catch {
    // The code is compiled as ever.
  }
}

/** To be awaited before each request for an event: what there is to be done is done after the first invocation. */
async function codeCacheBeforeNext() {
  if (current === undefined) return;
  if (!hasServed) {
    hasServed = true;
    return;
  }
  const ending = current;
  current = undefined;
  try {
    await ending.finish();
  } catch {
    // A pack is a convenience.
  }
}

/** Whether there is something to be done between this invocation's answer and the next request for an event. */
const hasCodeCacheWork = () => current !== undefined;

module.exports = { codeIsLoaded, prepareCodeCache, codeCacheBeforeNext, hasCodeCacheWork };
