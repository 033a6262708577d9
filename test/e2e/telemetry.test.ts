import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { DeleteFunctionCommand } from "@aws-sdk/client-lambda";
import { deploy, invoke, lambdaClient, publishLayer } from "../support/deploy.ts";
import { untilLogged } from "../support/function-logs.ts";
import { type RunningLambent, startLambent } from "../support/start-lambent.ts";
import { zipOf } from "../support/zip.ts";

/**
 * Listens, subscribes, and appends all that arrives to a file that the function reads. Its server is Python's own,
 * which closes the connection after each request. At each INVOKE it waits for platform.runtimeDone of that invocation,
 * as AWS's documentation advises.
 */
const OBSERVER = `#!/usr/bin/python3
import http.server, json, os, socketserver, sys, threading, urllib.request
base = "http://" + os.environ["AWS_LAMBDA_RUNTIME_API"]
name = os.path.basename(__file__)
settings = json.loads(os.environ["SUBSCRIPTION"])
done, seen = threading.Condition(), set()
def take(events):
    with open("/tmp/telemetry", "a") as file:
        for event in events: file.write(json.dumps(event) + "\\n")
    with done:
        seen.update(event["record"]["requestId"] for event in events if event["type"] == "platform.runtimeDone")
        done.notify_all()
class Handler(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        take(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
        self.send_response(200); self.end_headers()
    def log_message(self, *_): pass
class Lines(socketserver.StreamRequestHandler):
    def handle(self):
        for line in self.rfile: take([json.loads(line)])
if settings["destination"]["protocol"] == "TCP":
    server = socketserver.ThreadingTCPServer(("sandbox.localdomain", settings["destination"]["port"]), Lines)
else:
    server = http.server.HTTPServer(("sandbox.localdomain", 4243), Handler)
threading.Thread(target=server.serve_forever, daemon=True).start()
def call(method, path, body, headers):
    return urllib.request.urlopen(urllib.request.Request(base + path, body and json.dumps(body).encode(), headers, method=method))
with call("POST", "/2020-01-01/extension/register", {"events": ["INVOKE", "SHUTDOWN"]}, {"Lambda-Extension-Name": name}) as answer:
    identity = {"Lambda-Extension-Identifier": answer.headers["Lambda-Extension-Identifier"]}
with call("PUT", os.environ["SUBSCRIBE_AT"], settings, {**identity, "Content-Type": "application/json"}) as answer:
    print("subscribed: %s %s" % (answer.status, answer.read().decode()), flush=True)
while True:
    event = json.load(call("GET", "/2020-01-01/extension/event/next", None, identity))
    if event["eventType"] == "SHUTDOWN": break
    with done: done.wait_for(lambda: event["requestId"] in seen, 5)
import time; time.sleep(0.5)
reports = [json.loads(line) for line in open("/tmp/telemetry")]
print("at the end: %s" % [event["type"] for event in reports][-3:], flush=True)
`;

interface Observed {
  readonly time: string;
  readonly type: string;
  // biome-ignore lint/suspicious/noExplicitAny: each type has its own members, which the test looks at.
  readonly record: any;
}

const FUNCTION = {
  "index.js": `const fs = require("node:fs");
exports.handler = async (event) => {
  console.log("says " + event.word);
  return fs.existsSync("/tmp/telemetry") ? fs.readFileSync("/tmp/telemetry", "utf8") : "";
};`,
};

describe("what happens in an environment, told to an extension", () => {
  let lambent: RunningLambent;
  let lambda: ReturnType<typeof lambdaClient>;
  let layer: string;
  before(async () => {
    lambent = await startLambent();
    lambda = lambdaClient(lambent.endpoint);
    const zip = await zipOf({ "extensions/observer": OBSERVER }, { mode: 0o100755 });
    layer = await publishLayer(lambda, "observer", zip);
  });
  after(async () => {
    assert.equal(await lambent?.stop(), 0);
  });

  const deployObserved = (name: string, path: string, subscription: object, settings = {}): Promise<void> =>
    deploy(lambda, name, FUNCTION, {
      Layers: [layer],
      Environment: { Variables: { SUBSCRIBE_AT: path, SUBSCRIPTION: JSON.stringify(subscription) } },
      ...settings,
    });
  /**
   * Later invocations see what was told of the first: its report, which comes when that is over, and what was written, which
   * comes in its own time.
   */
  const observed = async (
    name: string,
    ...types: readonly string[]
  ): Promise<{ first: string; events: readonly Observed[] }> => {
    const first = await invoke(lambda, name, { word: "one" });
    for (;;) {
      const { body } = await invoke(lambda, name, { word: "two" });
      const lines = String(body).split("\n");
      const events = lines.filter((line) => line !== "").map((line) => JSON.parse(line) as Observed);
      if (["platform.report", ...types].every((wanted) => events.some(({ type }) => type === wanted)))
        return { first: /"?[Rr]equestId"?: ?"?([0-9a-f-]{36})/.exec(first.log)?.[1] ?? "", events };
    }
  };
  test("over HTTP, in order, from the beginning, with AWS's records", async () => {
    await deployObserved("over-http", "/2022-07-01/telemetry", {
      schemaVersion: "2022-12-13",
      types: ["platform", "function", "extension"],
      buffering: { timeoutMs: 25 },
      destination: { protocol: "HTTP", URI: "http://sandbox.localdomain:4243/events" },
    });
    const { first, events } = await observed("over-http", "function", "extension");
    const of = (type: string): readonly Observed[] => events.filter((event) => event.type === type);
    const types = events.map(({ type }) => type);
    assert.deepEqual(
      types.filter((type) => type.startsWith("platform.")).slice(0, 8),
      [
        "platform.initStart",
        "platform.telemetrySubscription",
        "platform.extension",
        "platform.initRuntimeDone",
        "platform.initReport",
        "platform.start",
        "platform.runtimeDone",
        "platform.report",
      ].toSorted((a, b) => types.indexOf(a) - types.indexOf(b)),
    );
    assert.ok(types.indexOf("platform.initReport") < types.indexOf("platform.start"));
    const [initStart] = of("platform.initStart");
    assert.deepEqual(
      [initStart?.record.initializationType, initStart?.record.phase, initStart?.record.functionName],
      ["on-demand", "init", "over-http"],
    );
    assert.match(String(initStart?.record.runtimeVersion), /^nodejs:24\.v/);
    assert.deepEqual(of("platform.telemetrySubscription")[0]?.record, {
      name: "observer",
      state: "Subscribed",
      types: ["platform", "function", "extension"],
    });
    const [done] = of("platform.runtimeDone");
    assert.deepEqual([done?.record.requestId, done?.record.status], [first, "success"]);
    assert.deepEqual(
      done?.record.spans.map(({ name }: { name: string }) => name),
      ["responseLatency", "responseDuration", "runtimeOverhead"],
    );
    assert.equal(done?.record.metrics.producedBytes, 2);
    const [report] = of("platform.report");
    assert.equal(report?.record.requestId, first);
    assert.deepEqual(
      report?.record.spans.map(({ name }: { name: string }) => name),
      ["extensionOverhead"],
    );
    assert.match(String(of("function")[0]?.record), /\tINFO\tsays one\n$/);
    assert.match(String(of("extension")[0]?.record), /^subscribed: 200 "OK"\n$/);
    assert.ok(events.every(({ time }) => /^\d{4}-\d\d-\d\dT[\d:]{8}\.\d{3}Z$/.test(time)));
    await lambda.send(new DeleteFunctionCommand({ FunctionName: "over-http" }));
    const log = await untilLogged(lambent.endpoint, "over-http", /at the end: .*\n/);
    assert.match(log, /at the end: \[.*'platform.report'/);
    assert.match(
      log,
      /TELEMETRY\tName: observer\tState: Subscribed\tTypes: \[Platform, Function, Extension\]\n/,
    );
  });

  test("over TCP, only what was asked for, and JSON logs as objects", async () => {
    await deployObserved(
      "over-tcp",
      "/2022-07-01/telemetry",
      {
        schemaVersion: "2022-12-13",
        types: ["platform", "function"],
        buffering: { timeoutMs: 25 },
        destination: { protocol: "TCP", port: 4244 },
      },
      { LoggingConfig: { LogFormat: "JSON" } },
    );
    const { events } = await observed("over-tcp", "function");
    const lines = events.filter(({ type }) => type === "function");
    assert.equal(lines[0]?.record.message, "says one");
    assert.equal(lines[0]?.record.level, "INFO");
    assert.ok(events.every(({ type }) => type !== "extension"));
  });

  test("the older Logs API has its own records", async () => {
    await deployObserved("older", "/2020-08-15/logs", {
      schemaVersion: "2021-03-18",
      types: ["platform", "function"],
      buffering: { timeoutMs: 25 },
      destination: { protocol: "HTTP", URI: "http://sandbox:4243" },
    });
    const { first, events } = await observed("older", "platform.runtimeDone");
    const of = (type: string): unknown => events.find((event) => event.type === type)?.record;
    assert.deepEqual(of("platform.runtimeDone"), { requestId: first, status: "success" });
    assert.deepEqual(of("platform.end"), { requestId: first });
    assert.deepEqual(of("platform.logsSubscription"), {
      name: "observer",
      state: "Subscribed",
      types: ["platform", "function"],
    });
    assert.equal(of("platform.initStart"), undefined);
  });
});
