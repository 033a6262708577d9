import assert from "node:assert/strict";
import { beforeEach, describe, test } from "node:test";
import { setImmediate as turn } from "node:timers/promises";
import { ManualClock } from "../../test/support/manual-clock.ts";
import type { FunctionFailure } from "../core/function-error.ts";
import { type ExtensionEvent, ExtensionSet } from "./extension-set.ts";

const WATCH = "watch";
const REQUEST = {
  requestId: "r-1",
  invokedFunctionArn: "arn:aws:lambda:us-east-1:000000000000:function:hello",
  traceHeader: "Root=1-5bef4de7-ad49b0e87f6ef6c87fc2e700;Sampled=0",
} as Parameters<ExtensionSet["tellOf"]>[0];

let clock: ManualClock;
let told: string[];
let failures: FunctionFailure[];
let extensions: ExtensionSet;

beforeEach(() => {
  clock = new ManualClock();
  told = [];
  failures = [];
  let ids = 0;
  extensions = new ExtensionSet({
    describes: { functionName: "hello", functionVersion: "1", handler: "x.y", accountId: "000000000000" },
    newId: () => `00000000-0000-4000-8000-${String(++ids).padStart(12, "0")}`,
    clock,
    tell: (name, state, events, errorType) =>
      told.push([name, state, events.join("+"), errorType].filter((word) => word !== undefined).join(" ")),
  });
  extensions.onFailed = (failure) => failures.push(failure("r-1"));
});

function register(name: string, ...events: string[]): string {
  const id = extensions.register(name, events);
  assert.equal(typeof id, "string", JSON.stringify(id));
  return id as string;
}

/** Asks for the next event and collects what comes. */
function ask(id: string, into: ExtensionEvent[] = []): ExtensionEvent[] {
  assert.equal(
    extensions.next(id, (event) => into.push(event)),
    undefined,
  );
  return into;
}

const refused = (result: ReturnType<ExtensionSet["register"]> | ReturnType<ExtensionSet["next"]>): unknown =>
  typeof result === "object" ? [result.status, result.errorType] : result;

/** Whether a promise has resolved by now. */
async function isResolved(promise: Promise<unknown>): Promise<boolean> {
  let isDone = false;
  void promise.then(() => {
    isDone = true;
  });
  await turn();
  return isDone;
}

describe("the extensions of an environment", () => {
  test("are ready when every expected one has registered and each waits", () => {
    let ready = 0;
    extensions.onReady = () => ready++;
    assert.equal(extensions.isEmpty, true);
    assert.equal(extensions.isReady, true);
    extensions.expect([WATCH]);
    assert.equal(extensions.isEmpty, false);
    assert.equal(extensions.isReady, false);
    const inside = register("inside", "INVOKE");
    ask(inside);
    assert.equal(ready, 0);
    assert.equal(extensions.hasExternal, false);
    ask(register(WATCH, "INVOKE", "SHUTDOWN"));
    assert.equal(ready, 1);
    assert.equal(extensions.hasExternal, true);
    assert.deepEqual(told, ["inside Ready INVOKE", "watch Ready INVOKE+SHUTDOWN"]);
  });

  test("register once, in time, for events that there are", () => {
    extensions.expect([WATCH]);
    register(WATCH, "SHUTDOWN");
    register("inside");
    assert.deepEqual(refused(extensions.register(WATCH, [])), [403, "Extension.InvalidExtensionState"]);
    assert.deepEqual(refused(extensions.register("inside", [])), [403, "Extension.InvalidExtensionState"]);
    assert.deepEqual(refused(extensions.register("other", ["SHUTDOWN"])), [
      403,
      "Extension.InvalidEventType",
    ]);
    for (let count = 3; count <= 10; count++) register(`inside-${count}`);
    assert.deepEqual(refused(extensions.register("eleventh", [])), [403, "Extension.TooManyExtensions"]);
    extensions.closeRegistration();
    assert.deepEqual(refused(extensions.register("late", [])), [403, "Extension.RegistrationClosed"]);
    assert.deepEqual(refused(extensions.next("0", () => undefined)), [
      403,
      "Extension.InvalidExtensionIdentifier",
    ]);
  });

  test("hear of an invocation if they want to, once for each time they ask", () => {
    const one = ask(register("one", "INVOKE"));
    const id = register("two", "INVOKE");
    const two = ask(id);
    const deaf = ask(register("deaf"));
    extensions.tellOf(REQUEST, 5_000);
    extensions.tellOf(REQUEST, 6_000);
    const event = {
      eventType: "INVOKE",
      deadlineMs: 5_000,
      requestId: "r-1",
      invokedFunctionArn: REQUEST.invokedFunctionArn,
      tracing: { type: "X-Amzn-Trace-Id", value: REQUEST.traceHeader },
    };
    assert.deepEqual([one, two, deaf], [[event], [event], []]);
    assert.equal(extensions.isReady, false);
    ask(id, two);
    extensions.tellOf(REQUEST, 7_000);
    assert.deepEqual([one.length, two.length], [1, 2]);
  });

  test("report errors in the phase in which they may", () => {
    const id = register("inside", "INVOKE");
    assert.deepEqual(refused(extensions.fail(id, "init", undefined)), [403, "Extension.MissingHeader"]);
    assert.equal(extensions.fail(id, "init", "Extension.NoConfig"), undefined);
    extensions.closeRegistration();
    assert.deepEqual(refused(extensions.fail(id, "init", "Late")), [403, "Extension.InvalidExtensionState"]);
    assert.equal(extensions.fail(id, "exit", "Extension.Gone"), undefined);
    assert.deepEqual(
      failures.map(({ errorType }) => errorType),
      ["Extension.InitError", "Extension.ExitError"],
    );
    assert.deepEqual(told, [
      "inside InitError INVOKE Extension.NoConfig",
      "inside ExitError INVOKE Extension.Gone",
    ]);
  });

  test("that end or cannot be started fail the environment, each once, and nobody unknown does", () => {
    extensions.expect([WATCH, "denied"]);
    extensions.processEnded("stranger", 1);
    extensions.notLaunched("stranger", "permission denied");
    assert.deepEqual(told, []);
    extensions.notLaunched("denied", "exec format error");
    extensions.processEnded(WATCH, 7);
    extensions.processEnded(WATCH, 7);
    assert.deepEqual(told, ["denied LaunchError  UnknownError", "watch Crash  Extension.Crash"]);
    assert.deepEqual(
      failures.map(({ payload }) => JSON.parse(Buffer.from(payload).toString())),
      [
        {
          errorType: "Extension.LaunchError",
          errorMessage: "RequestId: r-1 Error: fork/exec /opt/extensions/denied: exec format error",
        },
        { errorType: "Extension.Crash", errorMessage: "RequestId: r-1 Error: exit status 7" },
      ],
    );
  });
});

describe("when the environment ends", () => {
  test("internal ones, and those that did not ask, are not waited for", async () => {
    extensions.expect([WATCH]);
    ask(register("inside", "INVOKE"));
    ask(register(WATCH, "INVOKE"));
    extensions.beginShutdown();
    await extensions.shutDown("spindown", 2_000);
  });

  test("each that asked is told once, with the deadline, and all have until then", async () => {
    extensions.expect([WATCH, "busy"]);
    const watch = ask(register(WATCH, "SHUTDOWN"));
    const busyId = register("busy", "INVOKE", "SHUTDOWN");
    extensions.beginShutdown();
    const over = extensions.shutDown("timeout", 2_000);
    const event = { eventType: "SHUTDOWN", shutdownReason: "timeout", deadlineMs: clock.nowMs() + 2_000 };
    assert.deepEqual(watch, [event]);
    clock.advance(500);
    assert.deepEqual(ask(busyId), [event], "it was busy, and gets it when it asks");
    assert.deepEqual(ask(busyId), []);
    extensions.processEnded(WATCH, 0);
    assert.equal(await isResolved(over), false);
    clock.advance(1_499);
    assert.equal(await isResolved(over), false);
    clock.advance(1);
    await over;
  });

  test("it is over as soon as the last of them has ended, however it ends", async () => {
    extensions.expect([WATCH, "second", "third"]);
    for (const name of [WATCH, "second", "third"]) ask(register(name, "SHUTDOWN"));
    extensions.beginShutdown();
    // While the runtime ends, before they are told.
    extensions.processEnded("third", 1);
    const over = extensions.shutDown("failure", 2_000);
    extensions.processEnded(WATCH, 1);
    assert.equal(await isResolved(over), false);
    extensions.processEnded("second", 137);
    await over;
    assert.deepEqual(failures, []);
    assert.ok(!told.some((line) => line.includes("Crash")));
  });
});
