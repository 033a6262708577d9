/** AWS's Lambda Web Adapter, an external extension, built from its registry and run unmodified. */
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { mkdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { CloudWatchLogsClient, FilterLogEventsCommand } from "@aws-sdk/client-cloudwatch-logs";
import { CreateFunctionUrlConfigCommand, DeleteFunctionCommand } from "@aws-sdk/client-lambda";
import { clientConfiguration, deploy, invoke, lambdaClient, publishLayer } from "../support/deploy.ts";
import { cargo, rustCache } from "../support/rust.ts";
import { skipUnless } from "../support/skip.ts";
import { startLambent } from "../support/start-lambent.ts";
import { allowEverybody, requestUrl } from "../support/url-request.ts";
import { zipOf } from "../support/zip.ts";

const VERSION = "0.9.1";
const CACHE = rustCache(`web-adapter-${VERSION}`);
const ADAPTER = join(CACHE, "bin", "lambda-adapter");

/** A web application that knows nothing of Lambda, in the place of a runtime. */
const APPLICATION = `#!/usr/bin/python3
import json, os, signal
from http.server import BaseHTTPRequestHandler
from socketserver import TCPServer
def ends(number, frame):
    print("application ends", flush=True)
    os._exit(0)
signal.signal(signal.SIGTERM, ends)
class Application(BaseHTTPRequestHandler):
    count = 0
    def answer(self):
        if self.path != "/ready": Application.count += 1
        length = int(self.headers.get("content-length") or 0)
        context = json.loads(self.headers.get("x-amzn-lambda-context") or "{}")
        body = json.dumps({"method": self.command, "path": self.path, "body": self.rfile.read(length).decode(),
            "count": Application.count, "requestId": context.get("request_id"), "shade": self.headers.get("x-shade")}).encode()
        self.send_response(201 if self.command == "POST" else 200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    do_GET = do_POST = answer
    def log_message(self, *words): pass
TCPServer(("127.0.0.1", 8000), Application).serve_forever()
`;

/** The extension's executable, or why there is none. */
async function buildAdapter(): Promise<Buffer | string> {
  try {
    if (existsSync(ADAPTER)) return await readFile(ADAPTER);
    await mkdir(CACHE, { recursive: true });
    // Compiled faster than it runs: nothing is measured here.
    const env = { ...process.env, CARGO_PROFILE_RELEASE_OPT_LEVEL: "0", CARGO_PROFILE_RELEASE_LTO: "off" };
    const from = ["lambda_web_adapter", "--version", VERSION, "--locked", "--quiet"];
    const to = ["--root", CACHE, "--target-dir", join(CACHE, "target")];
    await cargo(["install", ...from, ...to], { env });
    return await readFile(ADAPTER);
  } catch (error) {
    return `the adapter cannot be built: ${String(error).slice(-400)}`;
  }
}

test("AWS's Lambda Web Adapter makes a function of a web application", { timeout: 320_000 }, async (t) => {
  const adapter = await buildAdapter();
  const reason = typeof adapter === "string" ? adapter : "";
  if (!skipUnless(t, reason === "", reason, "have Rust (apt-get install cargo) and its crates at hand"))
    return;
  const lambent = await startLambent();
  t.after(() => lambent.stop());
  const lambda = lambdaClient(lambent.endpoint);
  t.after(() => lambda.destroy());
  const zip = await zipOf({ "extensions/lambda-adapter": adapter }, { mode: 0o100755 });
  const layer = await publishLayer(lambda, "web-adapter", zip);
  const Variables = { AWS_LWA_PORT: "8000", AWS_LWA_READINESS_CHECK_PATH: "/ready" };
  await deploy(
    lambda,
    "web",
    { bootstrap: APPLICATION },
    { Runtime: "provided.al2023", Handler: "x", Layers: [layer], Environment: { Variables } },
  );
  const FunctionName = "web";
  const { FunctionUrl = "" } = await lambda.send(
    new CreateFunctionUrlConfigCommand({ FunctionName, AuthType: "NONE" }),
  );
  await allowEverybody(lambda, { FunctionName });

  const first = await requestUrl(lambent.endpoint, `${FunctionUrl}colours?shade=1`, {
    headers: { "x-shade": "blue" },
  });
  assert.equal(first.status, 200, first.text);
  const { requestId, ...seen } = JSON.parse(first.text);
  assert.deepEqual(seen, { method: "GET", path: "/colours?shade=1", body: "", count: 1, shade: "blue" });
  assert.match(requestId, /^[0-9a-f-]{36}$/);
  const second = await requestUrl(lambent.endpoint, `${FunctionUrl}colours`, { method: "POST", body: "red" });
  assert.equal(second.status, 201, second.text);
  assert.deepEqual(
    { ...JSON.parse(second.text), requestId: "", shade: null },
    {
      method: "POST",
      path: "/colours",
      body: "red",
      count: 2,
      requestId: "",
      shade: null,
    },
  );
  // What is no HTTP request goes to a path of its own.
  const { functionError, log } = await invoke(lambda, FunctionName, { colour: "green" });
  assert.equal(functionError, undefined, log);
  assert.match(log, /REPORT RequestId: /);

  await lambda.send(new DeleteFunctionCommand({ FunctionName }));
  const logs = new CloudWatchLogsClient(clientConfiguration(lambent.endpoint));
  t.after(() => logs.destroy());
  const deadlineMs = performance.now() + 10_000;
  for (let text = ""; !text.includes("application ends\n"); await delay(100)) {
    assert.ok(performance.now() < deadlineMs, text);
    const { events } = await logs.send(new FilterLogEventsCommand({ logGroupName: "/aws/lambda/web" }));
    text = (events ?? []).map(({ message }) => message).join("");
    assert.match(text, /EXTENSION\tName: lambda-adapter\tState: Ready\tEvents: \[\]\n/);
  }
});
