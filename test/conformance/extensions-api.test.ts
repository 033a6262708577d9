import assert from "node:assert/strict";
import { afterEach, beforeEach, describe, test } from "node:test";
import type { InvocationResult } from "../../src/core/invocation.ts";
import type { MadeEnvironment } from "../../src/environments/environment-factory.ts";
import type { InitOutcome } from "../../src/environments/initialization.ts";
import { ManualClock } from "../support/manual-clock.ts";
import {
  functionVersion,
  type ScriptedSandbox,
  scriptedFactory,
  serveRuntimeApi,
  settle,
} from "../support/scripted-environments.ts";

const VERSION = functionVersion({ layers: ["watch"], timeoutSeconds: 3 });
/** Frames of the start script. */
const [EXTENSION_ENDED, RUNTIME_ENDED] = [0xe0, 0xe1];
/** The name of the one program that the scripted code store has in /opt/extensions. */
const EXTERNAL = "watch";

let clock: ManualClock;
let made: MadeEnvironment;
let outcome: Promise<InitOutcome>;
let sandbox: ScriptedSandbox;
let lines: string[];
let base: string;
let clients: AbortController;

beforeEach(async () => {
  clients = new AbortController();
  clock = new ManualClock();
  const scripted = scriptedFactory(clock);
  lines = scripted.lines;
  made = scripted.factory.make(VERSION);
  outcome = made.environment.start(10_000, () => assert.fail("no time-out in this test"));
  await settle();
  sandbox = scripted.sandboxes[0] as ScriptedSandbox;
  base = `http://127.0.0.1:${await serveRuntimeApi(sandbox)}/2020-01-01/extension`;
});

// A parked request would keep the process for as long as its client waits.
afterEach(() => clients.abort());

const register = (name: string, events: string[], headers: Record<string, string> = {}) =>
  fetch(`${base}/register`, {
    method: "POST",
    headers: { "Lambda-Extension-Name": name, ...headers },
    body: JSON.stringify({ events }),
  });
const registered = async (name: string, events: string[]): Promise<string> => {
  const response = await register(name, events);
  assert.equal(response.status, 200);
  return response.headers.get("lambda-extension-identifier") ?? "";
};
const nextEvent = (id: string) =>
  fetch(`${base}/event/next`, {
    headers: { "Lambda-Extension-Identifier": id },
    signal: clients.signal,
  });
const errorType = async (response: Response): Promise<string> =>
  ((await response.json()) as { errorType: string }).errorType;

function invoke(): Promise<InvocationResult> {
  return new Promise((resolve) =>
    made.environment.invoke(
      {
        version: VERSION,
        requestId: "11111111-1111-4111-8111-111111111111",
        invokedFunctionArn: "arn:aws:lambda:us-east-1:000000000000:function:hello",
        payload: Buffer.from("{}"),
        clientContext: undefined,
        traceHeader: "Root=1-5bef4de7-ad49b0e87f6ef6c87fc2e700;Sampled=0",
        wantsLogTail: false,
      },
      resolve,
    ),
  );
}

/** Lets requests that are on their way arrive. */
async function arrive(): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, 40));
  await settle();
}

describe("the Extensions API", { timeout: 20_000 }, () => {
  test("tells who registers about the function, and refuses what AWS refuses", async () => {
    const response = await register(EXTERNAL, ["INVOKE", "SHUTDOWN"], {
      "Lambda-Extension-Accept-Feature": "accountId",
    });
    assert.deepEqual(await response.json(), {
      functionName: "hello",
      functionVersion: "$LATEST",
      handler: "index.handler",
      accountId: "000000000000",
    });
    assert.match(response.headers.get("lambda-extension-identifier") ?? "", /^[0-9a-f-]{36}$/);
    assert.equal(await errorType(await register(EXTERNAL, [])), "Extension.InvalidExtensionState");
    assert.equal(await errorType(await register("", [])), "Extension.InvalidExtensionName");
    assert.equal(await errorType(await register("inside", ["SHUTDOWN"])), "Extension.InvalidEventType");
    assert.equal(await errorType(await register("inside", ["NOTHING"])), "Extension.InvalidEventType");
    const nobody = await fetch(`${base}/event/next`);
    assert.equal(nobody.status, 403);
    assert.equal(await errorType(nobody), "Extension.MissingExtensionIdentifier");
    assert.equal(await errorType(await nextEvent("x")), "Extension.InvalidExtensionIdentifier");
    assert.equal(
      await errorType(await nextEvent("00000000-0000-4000-8000-000000000000")),
      "Extension.UnknownExtensionIdentifier",
    );
    for (let count = 2; count <= 10; count++) await registered(`inside-${count}`, ["INVOKE"]);
    assert.equal(await errorType(await register("one-more", [])), "Extension.TooManyExtensions");
  });

  test("a registration that is none is refused as AWS's interface emulator does", async () => {
    const send = async (name: string, body: string): Promise<object> => {
      const headers = { "Lambda-Extension-Name": Buffer.from(name).toString("latin1") };
      const response = await fetch(`${base}/register`, { method: "POST", headers, body });
      assert.equal(response.status, 403, body);
      return (await response.json()) as object;
    };
    for (const [body, errorMessage] of [
      ["", "unexpected end of JSON input"],
      ["[]", "the body is not a JSON object"],
      ['{"events":"INVOKE"}', "events and configurationKeys are lists of strings"],
      ['{"events":[1]}', "events and configurationKeys are lists of strings"],
      [
        '{"events":[],"configurationKeys":["KEY"]}',
        "configurationKeys are deprecated; use environment variables instead",
      ],
    ] as const)
      assert.deepEqual(await send(EXTERNAL, body), { errorType: "InvalidRequestFormat", errorMessage });
    assert.equal(((await send(EXTERNAL, "{")) as { errorType: string }).errorType, "InvalidRequestFormat");
    // The name is looked at first.
    assert.deepEqual(await send("", "{"), {
      errorType: "Extension.InvalidExtensionName",
      errorMessage: "Empty extension name",
    });
    const empty = await fetch(`${base}/register`, {
      method: "POST",
      headers: { "Lambda-Extension-Name": EXTERNAL },
      body: '{"events":null,"configurationKeys":[]}',
    });
    assert.equal(empty.status, 200);
  });

  test("an extension that cannot be executed lets the initialisation fail", async () => {
    const scripted = scriptedFactory(clock);
    const { environment } = scripted.factory.make(functionVersion({ layers: ["denied", "watch"] }));
    const result = await environment.start(10_000, () => assert.fail("no time-out in this test"));
    assert.equal(scripted.sandboxes.length, 0, "nothing was started");
    assert.ok(result.status === "error");
    assert.deepEqual(JSON.parse(Buffer.from(result.failure("r").payload).toString()), {
      errorType: "Extension.LaunchError",
      errorMessage: "RequestId: r Error: fork/exec /opt/extensions/denied: permission denied",
    });
    assert.deepEqual(scripted.lines, [
      "EXTENSION\tName: denied\tState: LaunchError\tEvents: []\tError Type: PermissionDenied\n",
      "INIT_REPORT Init Duration: 0.00 ms\tPhase: init\tStatus: error\tError Type: Extension.LaunchError\n",
    ]);
    await environment.release();
    assert.equal(environment.state, "ended");
  });

  test("initialisation and invocation end when the runtime and every extension ask for more", async () => {
    let isInitialised = false;
    void outcome.then(() => {
      isInitialised = true;
    });
    sandbox.next();
    await arrive();
    assert.equal(isInitialised, false, "the external extension has not registered");
    const id = await registered(EXTERNAL, ["INVOKE", "SHUTDOWN"]);
    const first = nextEvent(id);
    assert.equal((await outcome).status, "success");
    assert.equal(await errorType(await register("late", [])), "Extension.RegistrationClosed");
    assert.ok(
      lines.includes("EXTENSION\tName: watch\tState: Ready\tEvents: [INVOKE, SHUTDOWN]\n"),
      lines.join(""),
    );
    let isIdle = false;
    made.environment.onIdle = () => {
      isIdle = true;
    };
    const result = invoke();
    const event = await first;
    assert.match(event.headers.get("lambda-extension-event-identifier") ?? "", /^[0-9a-f-]{36}$/);
    assert.deepEqual(await event.json(), {
      eventType: "INVOKE",
      deadlineMs: clock.nowMs() + 3_000,
      requestId: "11111111-1111-4111-8111-111111111111",
      invokedFunctionArn: "arn:aws:lambda:us-east-1:000000000000:function:hello",
      tracing: {
        type: "X-Amzn-Trace-Id",
        value: "Root=1-5bef4de7-ad49b0e87f6ef6c87fc2e700;Sampled=0",
      },
    });
    sandbox.answerAndNext('"done"');
    assert.equal(Buffer.from((await result).payload).toString(), '"done"', "the caller does not wait");
    await arrive();
    assert.equal(isIdle, false, "the extension is still at work");
    clock.advance(500);
    void nextEvent(id).catch(() => undefined);
    await arrive();
    assert.equal(isIdle, true);
    assert.match(lines.join(""), /REPORT RequestId: \S+\tDuration: 500\.00 ms/);
    void made.environment.end();
  });

  test("an extension that never comes back runs into the function's time-out", async () => {
    const id = await registered(EXTERNAL, ["INVOKE"]);
    const first = nextEvent(id);
    sandbox.next();
    await outcome;
    const result = invoke();
    await first;
    sandbox.answerAndNext('"done"');
    assert.equal((await result).functionError, undefined);
    clock.advance(3_000);
    await arrive();
    assert.match(lines.join(""), /REPORT .*Status: timeout/);
    assert.equal(made.environment.state, "ended");
  });

  test("errors that an extension reports and the end of its process fail what is going on", async () => {
    const id = await registered(EXTERNAL, ["INVOKE"]);
    const report = (action: string, headers: Record<string, string>) =>
      fetch(`${base}/${action}/error`, {
        method: "POST",
        headers: { "Lambda-Extension-Identifier": id, ...headers },
        body: "{}",
      });
    assert.equal(await errorType(await report("init", {})), "Extension.MissingHeader");
    const accepted = await report("init", { "Lambda-Extension-Function-Error-Type": "Extension.NoConfig" });
    assert.equal(accepted.status, 202);
    const result = await outcome;
    assert.equal(result.status, "error");
    assert.equal(result.status === "error" && result.failure("r").errorType, "Extension.InitError");
  });

  test("the end of an external extension's process is a crash", async () => {
    const id = await registered(EXTERNAL, ["INVOKE"]);
    const first = nextEvent(id);
    sandbox.next();
    await outcome;
    const result = invoke();
    await first;
    sandbox.report(EXTENSION_ENDED, `7/${EXTERNAL}`);
    assert.deepEqual(JSON.parse(Buffer.from((await result).payload).toString()), {
      errorType: "Extension.Crash",
      errorMessage: "RequestId: 11111111-1111-4111-8111-111111111111 Error: exit status 7",
    });
    assert.equal(made.environment.state, "ended");
  });

  test("an extension that is busy when the environment ends is told when it asks; no init error comes any more", async () => {
    const id = await registered(EXTERNAL, ["INVOKE", "SHUTDOWN"]);
    const first = nextEvent(id);
    sandbox.next();
    await outcome;
    void invoke();
    await first;
    const late = await fetch(`${base}/init/error`, {
      method: "POST",
      headers: { "Lambda-Extension-Identifier": id, "Lambda-Extension-Function-Error-Type": "Late" },
      body: "{}",
    });
    assert.equal(await errorType(late), "Extension.InvalidExtensionState");
    const ended = made.environment.end();
    sandbox.report(RUNTIME_ENDED, "143");
    await arrive();
    const event = (await (await nextEvent(id)).json()) as { eventType: string };
    assert.equal(event.eventType, "SHUTDOWN");
    clock.advance(2_000);
    await ended;
  });

  test("at the end the runtime is asked first, then killed, and then the extensions are told", async () => {
    const id = await registered(EXTERNAL, ["SHUTDOWN"]);
    const first = nextEvent(id);
    sandbox.next();
    await outcome;
    const endsAtMs = clock.nowMs() + 2_000;
    const ended = made.environment.end();
    await settle();
    assert.equal(sandbox.terminations, 1);
    clock.advance(300);
    await settle();
    assert.equal(sandbox.terminations, 2, "it did not end in its time");
    assert.deepEqual(await (await first).json(), {
      eventType: "SHUTDOWN",
      shutdownReason: "spindown",
      deadlineMs: endsAtMs,
    });
    clock.advance(1_699);
    await settle();
    assert.equal(sandbox.stopped, false);
    clock.advance(1);
    await ended;
    assert.equal(sandbox.stopped, true);
  });

  test("when the runtime has crashed, the invocation fails at once and the extensions are told why", async () => {
    const id = await registered(EXTERNAL, ["INVOKE", "SHUTDOWN"]);
    const first = nextEvent(id);
    sandbox.next();
    await outcome;
    const result = invoke();
    await first;
    const second = nextEvent(id);
    await arrive();
    sandbox.report(RUNTIME_ENDED, "139");
    assert.deepEqual(JSON.parse(Buffer.from((await result).payload).toString()), {
      errorType: "Runtime.ExitError",
      errorMessage:
        "RequestId: 11111111-1111-4111-8111-111111111111 Error: Runtime exited with error: signal: segmentation fault",
    });
    assert.deepEqual(await (await second).json(), {
      eventType: "SHUTDOWN",
      shutdownReason: "failure",
      deadlineMs: clock.nowMs() + 2_000,
    });
    assert.equal(sandbox.terminations, 0);
    sandbox.report(EXTENSION_ENDED, `0/${EXTERNAL}`);
    await made.environment.end();
    assert.doesNotMatch(lines.join(""), /State: Crash/);
  });

  test("after a time-out the runtime is asked to end, and the extensions are told of the time-out", async () => {
    const id = await registered(EXTERNAL, ["SHUTDOWN"]);
    const first = nextEvent(id);
    sandbox.next();
    await outcome;
    const result = invoke();
    clock.advance(3_000);
    assert.match(Buffer.from((await result).payload).toString(), /Task timed out after 3\.00 seconds/);
    await settle();
    assert.equal(sandbox.terminations, 1);
    sandbox.report(RUNTIME_ENDED, "143");
    assert.deepEqual(await (await first).json(), {
      eventType: "SHUTDOWN",
      shutdownReason: "timeout",
      deadlineMs: clock.nowMs() + 2_000,
    });
    sandbox.report(EXTENSION_ENDED, `1/${EXTERNAL}`);
    await made.environment.end();
  });
});
