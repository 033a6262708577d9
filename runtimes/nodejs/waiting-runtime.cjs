"use strict";

const { rehearseReplacement, takeAssignment } = require("./assignment.cjs");
const { startWrapper } = require("./exec-wrapper.cjs");
const { collectEverything, collectYoung } = require("./exposed-gc.cjs");
const { preload } = require("./preloads.cjs");
const { Rehearsal, rehearseServing } = require("./rehearsal.cjs");
const { initialise, newState, serveOne, setUp, startRuntime } = require("./runtime.cjs");

const { createRequire } = process.getBuiltinModule("node:module");
const path = process.getBuiltinModule("node:path");
const { setFlagsFromString } = process.getBuiltinModule("node:v8");

/** Starts and events that are played through, before memory is given back and after it. More saves little, and costs memory. */
const REHEARSALS = { thorough: [4, 20], short: [2, 2], forked: [4, 8] };

/** V8's own number, in the versions that are known to have this setting. */
const COLLECTIONS = 2;
const COLLECTIONS_SINCE = 13;
const V8_LINE = Number.parseInt(process.versions.v8, 10);

/** In reserve: waits for the function, gets ready meanwhile by the steps of `rehearsal`, and becomes its runtime. */
async function startWaitingRuntime(rehearsal) {
  collectWhenIdle(false);
  const { client, codeIsThere } = await takeAssignment(new Rehearsal(rehearsal));
  collectWhenIdle(true);
  // Not awaited: the stacks that a function sees would have this one in them.
  void startRuntime(client, codeIsThere);
}

/**
 * V8 plans to do so when it starts, for some seconds later: in every one that waits, which would own the memory then that it
 * shares. Where it may not the plan is dropped at that time, and there are new ones as for every program.
 */
function collectWhenIdle(does) {
  if (V8_LINE >= COLLECTIONS_SINCE) setFlagsFromString(`--memory-reducer-gc-count=${does ? COLLECTIONS : 0}`);
}

/**
 * `preloads`: it is for functions that use more of Node's modules than most. `isForked`: all that was done before the
 * fork; to do it once more has the process own the memory that it will write to. `isZygote`: others are forked from it. They
 * share what its start has left behind; were that given back, V8 would keep each of their heaps small from then on, and
 * collect all of it, by all its threads, while a function of some size is loaded.
 */
async function* rehearsalOf({ preloads, isForked, isZygote = false }) {
  if (isForked) {
    yield rehearseReplacement();
    yield* rehearse(REHEARSALS.forked);
    return;
  }
  if (preloads) yield* preload();
  yield rehearseReplacement();
  yield* rehearse(REHEARSALS.thorough);
  if (isZygote) {
    yield collectYoung();
    return;
  }
  yield collectEverything();
  yield* rehearse(REHEARSALS.short);
}

async function* rehearse([starts, events]) {
  const state = newState();
  const serve = (client) => serveOne((event) => Promise.resolve(event), state, client, undefined);
  for (let round = 0; round < starts; round++) yield await rehearseStart();
  yield* rehearseServing(serve, events);
}

/** What stands between the assignment and the first event; leaves nothing of it. */
async function rehearseStart() {
  const { _LAMBDA_TELEMETRY_LOG_FD: logDescriptor } = process.env;
  startWrapper();
  const runtime = setUp(undefined, {});
  for (const [event, listener] of Object.entries(runtime.crashListeners)) process.off(event, listener);
  await initialise(runtime, __dirname, "rehearsal-function.handler");
  await initialise(runtime, __dirname, "rehearsal-module.handler");
  delete createRequire(__filename).cache[path.join(__dirname, "rehearsal-function.cjs")];
  delete globalThis.awslambda;
  if (logDescriptor !== undefined) process.env._LAMBDA_TELEMETRY_LOG_FD = logDescriptor;
}

module.exports = { collectWhenIdle, rehearsalOf, startWaitingRuntime };
