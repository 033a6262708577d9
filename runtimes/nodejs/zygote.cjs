"use strict";

const { collectWhenIdle, rehearsalOf } = require("./waiting-runtime.cjs");

const { readFileSync, readSync } = process.getBuiltinModule("node:fs");
const { setFlagsFromString } = process.getBuiltinModule("node:v8");

const CONTROL_FD = 3;
/** Of LAMBENT_ZYGOTE, with what `restart` in zygote.c changes. */
const RESTARTED = "restarted";
const CHUNK_BYTES = 65_536;
/** Until V8's workers have done what the last collection left to them. */
const REST_MS = 100;

/**
 * The process that the waiting programs of sandboxes are forked from, instead of each starting an interpreter; see "As a
 * zygote" in runtimes/README.md. It runs outside of every sandbox, as root, in a file system that looks like a sandbox's,
 * and never sees anything of a function. Resolves in each child, when it is inside its sandbox, and nowhere else.
 *
 * Node.js has threads, which `fork` does not copy; how they get into the children is in zygote-copy.c.
 */
async function serveForks() {
  const native = loadNative();
  if (process.env.LAMBENT_ZYGOTE !== RESTARTED) restart(native);
  const control = native.takeControl(CONTROL_FD);
  const { uid, gid, openFiles, oomScoreAdjustment, filter } = readSettings(control);
  native.configure(uid, gid, openFiles, oomScoreAdjustment, Buffer.from(filter, "hex"));
  // Until one has its function: see collectWhenIdle.
  collectWhenIdle(false);
  for await (const _ of rehearsalOf({ preloads: true, isForked: false, isZygote: true }));
  // Not that of node:timers/promises, which a function would find loaded.
  await new Promise((resolve) => setTimeout(resolve, REST_MS));
  // Where there is still JavaScript, V8's workers may be needed: the rest is in zygote-orders.c.
  const ready = `${JSON.stringify({ ready: true, sharedBytes: ownMemoryBytes() })}\n`;
  becomeAnother(native.serve(control, ready));
}

function restart(native) {
  process.env.LAMBENT_ZYGOTE = RESTARTED;
  const { argv0, argv, execArgv, execPath } = process;
  native.restart(execPath, [argv0, ...execArgv.filter((flag) => flag !== "--expose-gc"), ...argv.slice(1)]);
}

function loadNative() {
  const module = { exports: {} };
  process.dlopen(module, `${__dirname}/zygote.node`);
  return module.exports;
}

/** What Node and V8 know of the process that they are in is what the zygote was. */
function becomeAnother([processId, which, seed]) {
  const property = Object.getOwnPropertyDescriptor(process, "pid");
  Object.defineProperty(process, "pid", { ...property, value: processId });
  setFlagsFromString(`--random-seed=${seed}`);
  Math.random();
  // Worker threads take a seed of their own.
  setFlagsFromString("--random-seed=0");
  // Has V8 go on with its random numbers, so that those of contexts that children make are not all the same.
  const objects = new Set();
  for (let step = 0; step < which; step++) objects.add({});
}

/** What children share with this process, apart from files. */
function ownMemoryBytes() {
  const kilobytes = /^RssAnon:\s+(\d+)/m.exec(readFileSync("/proc/self/status", "latin1"));
  return Number(kilobytes?.[1] ?? 0) * 1024;
}

/** The first of the platform's lines, before it is answered the only one. */
function readSettings(descriptor) {
  const chunk = Buffer.alloc(CHUNK_BYTES);
  let text = "";
  while (!text.endsWith("\n")) {
    const length = readSync(descriptor, chunk);
    // Its end is ours.
    if (length === 0) process.exit(0);
    text += chunk.latin1Slice(0, length);
  }
  return JSON.parse(text);
}

module.exports = { serveForks };
