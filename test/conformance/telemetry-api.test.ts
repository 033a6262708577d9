import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";
import type { MadeEnvironment } from "../../src/environments/environment-factory.ts";
import { ManualClock } from "../support/manual-clock.ts";
import {
  functionVersion,
  type ScriptedSandbox,
  scriptedFactory,
  serveRuntimeApi,
  settle,
} from "../support/scripted-environments.ts";

const SUBSCRIPTION = {
  schemaVersion: "2022-12-13",
  types: ["platform", "function"],
  destination: { protocol: "HTTP", URI: "http://sandbox.localdomain:8080/path?x=1" },
};

let clock: ManualClock;
let made: MadeEnvironment;
let sandbox: ScriptedSandbox;
let lines: string[];
let base: string;
let identifier: string;

beforeEach(async () => {
  clock = new ManualClock();
  const scripted = scriptedFactory(clock);
  lines = scripted.lines;
  made = scripted.factory.make(functionVersion({ layers: ["watch"] }));
  void made.environment.start(10_000, () => assert.fail("no time-out in this test"));
  await settle();
  sandbox = scripted.sandboxes[0] as ScriptedSandbox;
  base = `http://127.0.0.1:${await serveRuntimeApi(sandbox)}`;
  const registered = await fetch(`${base}/2020-01-01/extension/register`, {
    method: "POST",
    headers: { "Lambda-Extension-Name": "watch" },
    body: JSON.stringify({ events: ["INVOKE"] }),
  });
  identifier = registered.headers.get("lambda-extension-identifier") ?? "";
});

async function subscribe(
  body: unknown,
  { path = "/2022-07-01/telemetry", id = identifier, method = "PUT" } = {},
): Promise<[number, unknown]> {
  const response = await fetch(`${base}${path}`, {
    method,
    headers: id === "" ? {} : { "Lambda-Extension-Identifier": id },
    body: typeof body === "string" ? body : JSON.stringify(body),
  });
  const answer = (await response.json()) as string | { errorType: string };
  return [response.status, typeof answer === "string" ? answer : answer.errorType];
}

test("a subscription is taken, told in the log, and gets requests with JSON arrays", async () => {
  assert.deepEqual(await subscribe(SUBSCRIPTION), [200, "OK"]);
  assert.deepEqual(lines, ["TELEMETRY\tName: watch\tState: Subscribed\tTypes: [Platform, Function]\n"]);
  clock.advance(1_000);
  await settle();
  const [relay] = sandbox.relays;
  assert.deepEqual([relay?.port, relay?.connections], [8080, "connection per message"]);
  const [head = "", body = ""] = String(relay?.messages[0]).split("\r\n\r\n");
  assert.match(head, /^POST \/path\?x=1 HTTP\/1\.1\r\nHost: sandbox\.localdomain:8080\r\n/);
  assert.match(head, /\r\nContent-Type: application\/json\r\n/);
  assert.ok(head.includes(`\r\nContent-Length: ${body.length}\r\n`));
  assert.deepEqual(JSON.parse(body), [
    {
      time: new Date(1_700_000_000_000).toISOString(),
      type: "platform.telemetrySubscription",
      record: { name: "watch", state: "Subscribed", types: ["platform", "function"] },
    },
  ]);
});

test("TCP has one connection, the Logs API its own record and default schema", async () => {
  const { schemaVersion, ...older } = SUBSCRIPTION;
  assert.deepEqual(
    await subscribe(
      { ...older, destination: { protocol: "TCP", port: 4_000 } },
      { path: "/2020-08-15/logs" },
    ),
    [200, "OK"],
    schemaVersion,
  );
  assert.deepEqual(lines, ["LOGS\tName: watch\tState: Subscribed\tTypes: [Platform, Function]\n"]);
  clock.advance(1_000);
  await settle();
  const [relay] = sandbox.relays;
  assert.deepEqual([relay?.port, relay?.connections], [4000, "one connection"]);
  assert.match(String(relay?.messages[0]), /^\{"time":"[^"]+","type":"platform\.logsSubscription",.*\}\n$/);
});

for (const [what, change] of [
  ["an unknown schema", { schemaVersion: "2021-03-18" }],
  ["no schema", { schemaVersion: undefined }],
  ["no types", { types: [] }],
  ["an unknown type", { types: ["platform", "kernel"] }],
  ["another host", { destination: { protocol: "HTTP", URI: "http://example.com:8080" } }],
  ["another scheme", { destination: { protocol: "HTTP", URI: "https://sandbox.localdomain:8080" } }],
  ["the Runtime API's port", { destination: { protocol: "HTTP", URI: "http://sandbox.localdomain:9001" } }],
  ["no port", { destination: { protocol: "TCP" } }],
  ["a port that is none", { destination: { protocol: "TCP", port: 70_000 } }],
  ["another protocol", { destination: { protocol: "UDP", port: 1 } }],
  ["too small a buffer", { buffering: { maxItems: 999 } }],
  ["too large a buffer", { buffering: { maxBytes: 1_048_577 } }],
  ["too short a time", { buffering: { timeoutMs: 24 } }],
  ["a member that nobody knows", { compression: "gzip" }],
] as const)
  test(`${what} is refused and changes nothing`, async () => {
    assert.deepEqual(await subscribe({ ...SUBSCRIPTION, ...change }), [400, "ValidationError"]);
    assert.deepEqual([lines, sandbox.relays], [[], []]);
  });

test("what is no request is refused", async () => {
  assert.deepEqual(await subscribe("{"), [400, "ValidationError"]);
  assert.deepEqual(await subscribe("[]"), [400, "ValidationError"]);
  assert.deepEqual(await subscribe("x".repeat(300_000)), [400, "ValidationError"]);
  assert.deepEqual(await subscribe(SUBSCRIPTION, { id: "" }), [403, "Extension.MissingExtensionIdentifier"]);
  assert.deepEqual(await subscribe(SUBSCRIPTION, { id: "x" }), [403, "Extension.InvalidExtensionIdentifier"]);
  assert.deepEqual(await subscribe(SUBSCRIPTION, { id: "11111111-1111-4111-8111-111111111111" }), [
    403,
    "Extension.UnknownExtensionIdentifier",
  ]);
  const posted = await fetch(`${base}/2022-07-01/telemetry`, { method: "POST", body: "{}" });
  assert.deepEqual([posted.status, posted.headers.get("allow")], [405, "PUT"]);
});

test("after the initialisation it is closed", async () => {
  const waiting = new AbortController();
  const next = fetch(`${base}/2020-01-01/extension/event/next`, {
    headers: { "Lambda-Extension-Identifier": identifier },
    signal: waiting.signal,
  });
  sandbox.session.next(() => undefined);
  while (made.environment.state !== "idle") await settle();
  assert.deepEqual(await subscribe(SUBSCRIPTION), [403, "Telemetry.SubscriptionClosed"]);
  assert.deepEqual(
    await subscribe({ ...SUBSCRIPTION, schemaVersion: "2021-03-18" }, { path: "/2020-08-15/logs" }),
    [403, "Logs.SubscriptionClosed"],
  );
  waiting.abort();
  await assert.rejects(next, { name: "AbortError" });
});

test("where nothing inside can be reached it is not supported, as AWS's emulator says", async () => {
  sandbox.openRelay = undefined;
  assert.deepEqual(await subscribe(SUBSCRIPTION), [202, "Telemetry.NotSupported"]);
});
