"use strict";

const { collectWhenIdle, rehearsalOf } = require("./waiting-runtime.cjs");

const { readFileSync, readSync, writeSync } = process.getBuiltinModule("node:fs");
const { setTimeout: delay } = process.getBuiltinModule("node:timers/promises");
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
  const control = new Control(native);
  const { uid, gid, openFiles, oomScoreAdjustment, filter } = control.next();
  native.configure(uid, gid, openFiles, oomScoreAdjustment, Buffer.from(filter, "hex"));
  // Until one has its function: see collectWhenIdle.
  collectWhenIdle(false);
  for await (const _ of rehearsalOf({ preloads: true, isForked: false }));
  await delay(REST_MS);
  native.prepare(control.descriptor);
  control.answer({ ready: true, sharedBytes: ownMemoryBytes() });
  takeOrders(native, control);
  becomeAnother(native);
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

/** Returns in children. */
function takeOrders(native, control) {
  const children = new Map();
  for (;;) {
    const end = native.next(control.descriptor);
    if (end !== undefined) {
      tellEnd(end, children, control);
      continue;
    }
    for (const order of control.nextOnes()) {
      if (order.terminate !== undefined) terminate(order.terminate, children);
      else if (isChild(native, order, { children, control })) return;
    }
  }
}

function isChild(native, { fork: name, holder, runs, group, groups }, { children, control }) {
  // Has V8 go on with its random numbers, so that those of contexts that children make are not all the same.
  new Set().add({});
  let child;
  try {
    child = native.fork(holder, group, runs, groups);
  } catch (error) {
    control.answer({ failed: name, reason: error.message });
    return false;
  }
  if (child === 0) return true;
  children.set(child, name);
  control.answer({ forked: name, processId: child });
  return false;
}

function tellEnd([child, code, signal], children, control) {
  const name = children.get(child);
  // A child can give this process children by CLONE_PARENT: nobody waits for those.
  if (name === undefined) return;
  children.delete(child);
  control.answer({ ended: name, ...(signal > 0 ? { signal } : { code }) });
}

/** One that has not been waited for keeps its number. */
function terminate(name, children) {
  for (const [child, itsName] of children) if (itsName === name) process.kill(child, "SIGTERM");
}

/** What Node and V8 know of the process that they are in is what the zygote was. */
function becomeAnother(native) {
  const [processId, seed] = native.identity();
  const property = Object.getOwnPropertyDescriptor(process, "pid");
  Object.defineProperty(process, "pid", { ...property, value: processId });
  setFlagsFromString(`--random-seed=${seed}`);
  Math.random();
  // Worker threads take a seed of their own.
  setFlagsFromString("--random-seed=0");
}

/** What children share with this process, apart from files. */
function ownMemoryBytes() {
  const kilobytes = /^RssAnon:\s+(\d+)/m.exec(readFileSync("/proc/self/status", "latin1"));
  return Number(kilobytes?.[1] ?? 0) * 1024;
}

/** Lines of JSON. The platform's end is that of this process, too. */
class Control {
  #native;
  #received = Buffer.alloc(0);
  #chunk = Buffer.alloc(CHUNK_BYTES);

  constructor(native) {
    this.#native = native;
    this.descriptor = native.takeControl(CONTROL_FD);
  }

  next() {
    let message = this.#takeLine();
    for (; message === undefined; message = this.#takeLine()) this.#receive();
    return message;
  }

  /** All that have come; waits for something to come. */
  *nextOnes() {
    this.#receive();
    for (let message = this.#takeLine(); message !== undefined; message = this.#takeLine()) yield message;
  }

  answer(message) {
    let rest = Buffer.from(`${JSON.stringify(message)}\n`);
    while (rest.length > 0) rest = rest.subarray(writeSync(this.descriptor, rest));
  }

  #takeLine() {
    const end = this.#received.indexOf("\n");
    if (end < 0) return undefined;
    const line = this.#received.toString("utf8", 0, end);
    this.#received = this.#received.subarray(end + 1);
    return JSON.parse(line);
  }

  #receive() {
    const length = readSync(this.descriptor, this.#chunk);
    if (length === 0) this.#native.end();
    this.#received = Buffer.concat([this.#received, this.#chunk.subarray(0, length)]);
  }
}

module.exports = { serveForks };
