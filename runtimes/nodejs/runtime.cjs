"use strict";

const { installAwslambda } = require("./awslambda.cjs");
const { codeCacheBeforeNext, codeIsLoaded, hasCodeCacheWork } = require("./code-cache.cjs");
const { patchConsole } = require("./console-patch.cjs");
const { createContext } = require("./context.cjs");
const { errorPayload, runtimeError } = require("./errors.cjs");
const { startWrapper } = require("./exec-wrapper.cjs");
const { loadHandler } = require("./handler-loader.cjs");
const { tellHeapFlags } = require("./heap-flags.cjs");
const { runHandler } = require("./invocation.cjs");
const { invocationContext } = require("./invoke-store.cjs");
const { ResponseStream } = require("./response-stream.cjs");
const { RuntimeApiClient } = require("./runtime-api-client.cjs");
const { highWaterMark, isStreaming, runStreamingHandler } = require("./streaming-handler.cjs");

const UNCAUGHT_EXCEPTION_EXIT = 129;
const UNHANDLED_REJECTION_EXIT = 128;
const UNSETTLED_EXIT = 13;

/** What is going on, for those who must report an error out of line. */
const newState = () => ({
  phase: "init",
  requestId: undefined,
  answered: undefined,
  responseStream: undefined,
  invokeStore: undefined,
});

/**
 * Becomes the runtime: loads the handler, then serves one event after the other until the process ends. The code is there when
 * `codeIsThere` has resolved.
 */
async function startRuntime(
  client = new RuntimeApiClient(process.env.AWS_LAMBDA_RUNTIME_API),
  codeIsThere = Promise.resolve(),
) {
  tellHeapFlags();
  startWrapper();
  const runtime = setUp(client, console);
  const { state, log } = runtime;
  try {
    await codeIsThere;
    const { LAMBDA_TASK_ROOT, _HANDLER } = process.env;
    const handler = await initialise(runtime, LAMBDA_TASK_ROOT ?? "/var/task", _HANDLER ?? "");
    const serve = isStreaming(handler) ? serveStream : serveOne;
    for (;;) await serve(handler, state, client, log);
  } catch (error) {
    // A connection that is gone while we wait for an event means that the platform is done with this environment.
    const isDismissed = state.phase === "idle" && error.code !== undefined;
    if (!isDismissed) process.stderr.write(`${error.stack}\n`);
    process.exit(1);
  }
}

/** What does not need the function's code. */
function setUp(client, target) {
  const state = newState();
  state.invokeStore = installAwslambda();
  const log = patchConsole(() => state.requestId, target);
  const runtime = { state, client, log, crashListeners: undefined };
  runtime.crashListeners = reportCrashes(runtime);
  return runtime;
}

async function initialise(runtime, taskRoot, handlerName) {
  const { state, client, log } = runtime;
  const unsettled = () => {
    if (state.phase !== "init") return;
    const error = runtimeError(
      "NodeJsExit",
      "The Lambda runtime client detected an unexpected Node.js exit code. This is most commonly caused by a Promise that was never settled. For more information, see https://nodejs.org/docs/latest/api/process.html#exit-codes",
    );
    void crash(runtime, "Init Error", error, UNSETTLED_EXIT);
  };
  process.once("beforeExit", unsettled);
  try {
    const handler = await loadHandler(taskRoot, handlerName);
    process.removeListener("beforeExit", unsettled);
    codeIsLoaded();
    return handler;
  } catch (error) {
    log.logError("Init Error", error);
    await client.postInitError(errorPayload(error));
    return process.exit(1);
  }
}

/** Waits for an event; what goes wrong from then on is the invocation's. */
async function nextEvent(state, client) {
  state.phase = "idle";
  state.responseStream = undefined;
  state.answered = undefined;
  await codeCacheBeforeNext();
  const { headers, body } = await client.next();
  const requestId = headers["lambda-runtime-aws-request-id"];
  const traceId = headers["lambda-runtime-trace-id"];
  setTraceId(traceId);
  if (state.invokeStore !== undefined)
    state.invokeStore.currentContext = invocationContext(requestId, traceId);
  state.requestId = requestId;
  state.phase = "invoke";
  return { headers, body, requestId };
}

async function serveOne(handler, state, client, log) {
  const { headers, body, requestId } = await nextEvent(state, client);
  let json;
  let failure;
  try {
    const context = createContext(headers);
    json = stringify(await runHandler(handler, JSON.parse(body.toString("utf8")), context));
  } catch (error) {
    failure = { error };
  }
  // Rejections nobody handles surface before the answer leaves, as on AWS.
  await new Promise((resolve) => setImmediate(resolve));
  if (state.phase !== "invoke") await new Promise(() => {});
  state.phase = "answering";
  if (failure !== undefined) log.logError("Invoke Error", failure.error);
  const andNext = !hasCodeCacheWork();
  state.answered =
    failure === undefined
      ? client.postResponse(requestId, json, andNext)
      : client.postError(requestId, errorPayload(failure.error), andNext);
  await state.answered;
}

async function serveStream(handler, state, client, log) {
  const { headers, body, requestId } = await nextEvent(state, client);
  const open = (contentType) => client.streamResponse(requestId, contentType);
  const responseStream = new ResponseStream(open, highWaterMark(handler));
  state.responseStream = responseStream;
  let failure;
  try {
    const context = createContext(headers);
    const event = JSON.parse(body.toString("utf8"));
    await runStreamingHandler(handler, event, { responseStream, context });
  } catch (error) {
    failure = { error };
  }
  await new Promise((resolve) => setImmediate(resolve));
  if (state.phase !== "invoke") await new Promise(() => {});
  state.phase = "answering";
  if (failure !== undefined) {
    log.logError("Invoke Error", failure.error);
    // A handler that fails after its response was complete has answered already.
    if (!responseStream.writableFinished) state.answered = reportFailure(state, client, failure.error);
    await state.answered;
  }
  // What is left of the handler must not write into the next invocation.
  responseStream.destroy();
}

/** Before the response's first piece an error is reported as any other's, later in the stream's trailers. */
function reportFailure({ requestId, responseStream }, client, error) {
  if (responseStream?.hasBegun) return responseStream.fail(error);
  return client.postError(requestId, errorPayload(error));
}

function setTraceId(traceId) {
  if (traceId) process.env._X_AMZN_TRACE_ID = traceId;
  else delete process.env._X_AMZN_TRACE_ID;
}

function stringify(result) {
  try {
    return JSON.stringify(result) ?? "null";
  } catch {
    throw runtimeError("JSONStringifyError", "Unable to stringify response body");
  }
}

/** Returns the listeners by their events. */
function reportCrashes(runtime) {
  const uncaughtException = (error) => crash(runtime, "Uncaught Exception", error, UNCAUGHT_EXCEPTION_EXIT);
  const unhandledRejection = (reason) => {
    const error = runtimeError("UnhandledPromiseRejection", String(reason));
    if (reason instanceof Error) error.stack = `Runtime.UnhandledPromiseRejection: ${reason.stack}`;
    error.reason = reason;
    return crash(runtime, "Unhandled Promise Rejection", error, UNHANDLED_REJECTION_EXIT);
  };
  process.on("uncaughtException", uncaughtException);
  process.on("unhandledRejection", unhandledRejection);
  return { uncaughtException, unhandledRejection };
}

/** AWS: what nobody catches is reported as the error of what was going on, and ends the process. */
async function crash({ state, client, log }, title, error, exitCode) {
  const phase = state.phase;
  state.phase = "crashed";
  if (phase === "crashed") return;
  try {
    log.logError(title, error);
    if (phase === "init") await client.postInitError(errorPayload(error));
    if (phase === "invoke") await reportFailure(state, client, error);
    if (phase === "answering") await state.answered;
  } finally {
    process.exit(exitCode);
  }
}

module.exports = { initialise, newState, serveOne, setUp, startRuntime };
