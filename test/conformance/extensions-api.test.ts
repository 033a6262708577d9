import assert from "node:assert/strict";
import { beforeEach, describe, test } from "node:test";
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
/** The name of the one program that the scripted code store has in /opt/extensions. */
const EXTERNAL = "watch";

let clock: ManualClock;
let made: MadeEnvironment;
let outcome: Promise<InitOutcome>;
let sandbox: ScriptedSandbox;
let lines: string[];
let base: string;

beforeEach(async () => {
  clock = new ManualClock();
  const scripted = scriptedFactory(clock);
  lines = scripted.lines;
  made = scripted.factory.make(VERSION);
  outcome = made.environment.start(10_000, () => assert.fail("no time-out in this test"));
  await settle();
  sandbox = scripted.sandboxes[0] as ScriptedSandbox;
  base = `http://127.0.0.1:${await serveRuntimeApi(sandbox)}/2020-01-01/extension`;
});

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
  fetch(`${base}/event/next`, { headers: { "Lambda-Extension-Identifier": id } });
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
    const broken = await fetch(`${base}/register`, { method: "POST", body: "{" });
    assert.equal(broken.status, 400);
    assert.equal(await errorType(broken), "InvalidRequestFormat");
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
    const text = Buffer.from(`7 ${EXTERNAL}`);
    const header = Buffer.alloc(16);
    header.writeUInt32BE(0xa55a00e0);
    header.writeUInt32BE(text.length, 4);
    sandbox.telemetry.write(Buffer.concat([header, text]));
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
    await arrive();
    const event = (await (await nextEvent(id)).json()) as { eventType: string };
    assert.equal(event.eventType, "SHUTDOWN");
    clock.advance(2_000);
    await arrive();
    clock.advance(2_000);
    await ended;
  });

  test("the end of the environment is told to those who asked, then the runtime gets SIGTERM", async () => {
    const id = await registered(EXTERNAL, ["SHUTDOWN"]);
    const first = nextEvent(id);
    sandbox.next();
    await outcome;
    const ended = made.environment.end();
    assert.deepEqual(await (await first).json(), {
      eventType: "SHUTDOWN",
      shutdownReason: "spindown",
      deadlineMs: clock.nowMs() + 1_700,
    });
    assert.equal(sandbox.terminated, false);
    clock.advance(1_700);
    await settle();
    assert.equal(sandbox.terminated, true);
    assert.equal(sandbox.stopped, false);
    clock.advance(300);
    await ended;
    assert.equal(sandbox.stopped, true);
  });
});
