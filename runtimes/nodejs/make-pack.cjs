"use strict";

/**
 * Packs the client for the interpreter that runs this: `node make-pack.cjs DIRECTORY` writes into that directory what can
 * stand in the place of this one, and starts sooner.
 */
const { execFileSync } = process.getBuiltinModule("node:child_process");
const { copyFileSync, readdirSync, readFileSync, rmSync, writeFileSync } =
  process.getBuiltinModule("node:fs");
const { setFlagsFromString } = process.getBuiltinModule("node:v8");
const { Script } = process.getBuiltinModule("node:vm");

/** What is in the pack by itself, or not at all. */
const COPIED = ["import-module.cjs", "rehearsal-function.cjs", "rehearsal-module.mjs"];
const APART = new Set(["bootstrap.cjs", "packed-bootstrap.cjs", "make-pack.cjs", ...COPIED]);
const PROLOGUE = `(function (directory) {
"use strict";
const loaded = new Map();
function load(name) {
  let module = loaded.get(name);
  if (module !== undefined) return module.exports;
  module = { exports: {} };
  loaded.set(name, module);
  files[name](module, (specifier) => load(specifier.slice(2)), directory + "/" + name, directory);
  return module.exports;
}
const files = {
`;
const EPILOGUE = `};
load("start.cjs");
})`;

function packedSource() {
  const names = readdirSync(__dirname).filter((name) => name.endsWith(".cjs") && !APART.has(name));
  const files = names.map((name) => {
    const source = readFileSync(`${__dirname}/${name}`, "utf8");
    return `${JSON.stringify(name)}(module, require, __filename, __dirname) {\n${source}\n},\n`;
  });
  const source = PROLOGUE + files.join("") + EPILOGUE;
  // Read as Latin-1, which V8 keeps in half the memory and needs not decode.
  if (Buffer.byteLength(source) !== source.length) throw new Error("The client's files are to be in ASCII.");
  return source;
}

/** With all functions compiled. The flag must not be set any more when V8 writes down the flags that are. */
function compiled(source, filename) {
  setFlagsFromString("--no-lazy");
  const script = new Script(source, { filename });
  setFlagsFromString("--lazy");
  return script.createCachedData();
}

/** Where there is a C compiler for what it is written for; without it every client is started. */
function compileZygote(directory) {
  const sources = readdirSync(__dirname).filter((name) => name.endsWith(".c"));
  const options = ["-O2", "-shared", "-fPIC", "-o", `${directory}/zygote.node`];
  try {
    execFileSync("cc", [...options, ...sources], { cwd: __dirname, stdio: "ignore" });
  } catch {
    rmSync(`${directory}/zygote.node`, { force: true });
  }
}

function makePack(directory) {
  const source = packedSource();
  const filename = "/var/runtime/client.js";
  const cache = compiled(source, filename);
  if (new Script(source, { filename, cachedData: cache }).cachedDataRejected) {
    throw new Error("V8 does not take its own compiled code.");
  }
  writeFileSync(`${directory}/client.js`, source);
  writeFileSync(`${directory}/client.cache`, cache);
  copyFileSync(`${__dirname}/packed-bootstrap.cjs`, `${directory}/bootstrap.cjs`);
  compileZygote(directory);
  for (const name of COPIED) copyFileSync(`${__dirname}/${name}`, `${directory}/${name}`);
}

makePack(process.argv[2]);
