import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { DeleteFunctionCommand } from "@aws-sdk/client-lambda";
import { deploy, invoke, lambdaClient, publishLayer } from "../support/deploy.ts";
import { logOf, untilLogged } from "../support/function-logs.ts";
import { type RunningLambent, startLambent } from "../support/start-lambent.ts";
import { zipOf } from "../support/zip.ts";

/** In the manner of AWS's published samples: registers, processes events, ends at SHUTDOWN. */
const PYTHON_EXTENSION = `#!/usr/bin/python3
import json, os, sys, urllib.request
api = "http://" + os.environ["AWS_LAMBDA_RUNTIME_API"] + "/2020-01-01/extension/"
name = os.path.basename(__file__)
request = urllib.request.Request(api + "register", json.dumps({"events": ["INVOKE", "SHUTDOWN"]}).encode(), {"Lambda-Extension-Name": name})
response = urllib.request.urlopen(request)
identifier = response.headers["Lambda-Extension-Identifier"]
print("[%s] registered for %s" % (name, json.load(response)["functionName"]), flush=True)
print("[%s] sees %s" % (name, sorted(set(os.environ) & {"AWS_LAMBDA_FUNCTION_NAME", "OWN", "_HANDLER", "AWS_EXECUTION_ENV", "LAMBENT_LISTEN", "NODE_CHANNEL_FD"})), flush=True)
while True:
    event = json.load(urllib.request.urlopen(urllib.request.Request(api + "event/next", headers={"Lambda-Extension-Identifier": identifier})))
    print("[%s] %s" % (name, event["eventType"]), flush=True)
    with open("/tmp/events", "a") as file: file.write(event["eventType"] + "\\n")
    if event["eventType"] == "SHUTDOWN":
        print("[%s] ends: %s" % (name, event["shutdownReason"]), flush=True)
        sys.exit(0)
    if os.environ.get("OWN") == "crash": os._exit(9)
`;

/** All of it may be executed. */
const extensionLayer = (files: Readonly<Record<string, string>>): Promise<Buffer> =>
  zipOf(files, { mode: 0o100755 });

describe("external extensions from a layer", () => {
  let lambent: RunningLambent;
  let lambda: ReturnType<typeof lambdaClient>;
  let layer: string;
  before(async () => {
    lambent = await startLambent();
    lambda = lambdaClient(lambent.endpoint);
    const zip = await extensionLayer({
      "extensions/watch": PYTHON_EXTENSION,
      "extensions/also": PYTHON_EXTENSION,
    });
    layer = await publishLayer(lambda, "watchers", zip);
  });
  after(async () => {
    assert.equal(await lambent?.stop(), 0);
  });

  for (const [name, settings, files] of [
    [
      "node",
      {},
      {
        "index.js":
          'const fs = require("node:fs"); exports.handler = async () => fs.readFileSync("/tmp/events", "utf8");',
      },
    ],
    [
      "provided",
      { Runtime: "provided.al2023", Handler: "x" },
      {
        bootstrap: `#!/usr/bin/python3
import json, os, time, urllib.request
api = "http://" + os.environ["AWS_LAMBDA_RUNTIME_API"] + "/2018-06-01/runtime/invocation/"
while True:
    event = urllib.request.urlopen(api + "next")
    time.sleep(0.1)
    urllib.request.urlopen(urllib.request.Request(api + event.headers["Lambda-Runtime-Aws-Request-Id"] + "/response", json.dumps(open("/tmp/events").read()).encode())).read()
`,
      },
    ],
  ] as const)
    test(`run beside a ${name} function, hear of invocations, and of the end`, async () => {
      const functionName = `watched-${name}`;
      await deploy(lambda, functionName, files, {
        ...settings,
        Layers: [layer],
        Environment: { Variables: { OWN: "yes" } },
      });
      await invoke(lambda, functionName);
      const { body } = await invoke(lambda, functionName);
      assert.match(String(body), /^(INVOKE\n){2,4}$/);
      await lambda.send(new DeleteFunctionCommand({ FunctionName: functionName }));
      const text = await untilLogged(
        lambent.endpoint,
        functionName,
        /\[watch\] ends: spindown[\s\S]*|\[also\] ends: spindown/,
      );
      assert.match(text, /EXTENSION\tName: watch\tState: Ready\tEvents: \[INVOKE, SHUTDOWN\]\n/);
      assert.match(text, new RegExp(`\\[watch\\] registered for ${functionName}\\n`));
      assert.match(text, /\[watch\] sees \['AWS_LAMBDA_FUNCTION_NAME', 'OWN'\]\n/);
      assert.equal(text.match(/\[watch\] INVOKE\n/g)?.length, 2);
    });

  test("one that dies takes the environment with it, and the next invocation has a new one", async () => {
    await deploy(
      lambda,
      "crashing",
      { "index.js": "exports.handler = () => new Promise((resolve) => setTimeout(resolve, 1000));" },
      { Layers: [layer], Environment: { Variables: { OWN: "crash" } } },
    );
    const { body } = await invoke(lambda, "crashing");
    assert.deepEqual((body as { errorType: string }).errorType, "Extension.Crash");
    assert.match((body as { errorMessage: string }).errorMessage, /Error: exit status 9$/);
    assert.match(await logOf(lambent.endpoint, "crashing"), /EXTENSION\tName: (watch|also)\tState: Crash/);
  });

  test("those of a crashed runtime hear why the environment ends, and those of a timed out one", async () => {
    const files = {
      "index.js": `
process.on("SIGTERM", () => { require("node:fs").writeSync(1, "runtime is asked to end\\n"); process.exit(0); });
exports.handler = async (event) => {
  if (event.fail === "exit") process.exit(3);
  if (event.fail === "signal") process.kill(process.pid, "SIGKILL");
  if (event.fail === "timeout") await new Promise((resolve) => setTimeout(resolve, 60_000));
  return "sound";
};`,
    };
    const errorOf = async (name: string, fail: string): Promise<unknown> =>
      ((await invoke(lambda, name, { fail })).body as { errorMessage: string }).errorMessage.replace(
        /^RequestId: \S+ /,
        "",
      );
    await deploy(lambda, "crashing-runtime", files, { Layers: [layer] });
    assert.equal(
      await errorOf("crashing-runtime", "exit"),
      "Error: Runtime exited with error: exit status 3",
    );
    const crashed = await untilLogged(lambent.endpoint, "crashing-runtime", /\[watch\] ends: failure\n/);
    assert.doesNotMatch(crashed, /State: Crash|asked to end/);
    assert.equal(
      await errorOf("crashing-runtime", "signal"),
      "Error: Runtime exited with error: signal: killed",
    );
    assert.equal((await invoke(lambda, "crashing-runtime")).body, "sound");

    // The whole phase has two seconds, and the runtime 0.3 of them, which a machine may hold up as long.
    let text = "";
    for (let attempt = 0; attempt < 3 && !text.includes("[watch] ends"); attempt++) {
      const name = `late-runtime-${attempt}`;
      // Its initialisation comes before, and has its own time.
      await deploy(lambda, name, files, { Layers: [layer], Timeout: 1 });
      assert.equal(await errorOf(name, "timeout"), "Error: Task timed out after 1.00 seconds");
      const told = untilLogged(lambent.endpoint, name, /\[watch\] ends: timeout\n/);
      text = await told.catch(() => logOf(lambent.endpoint, name));
    }
    assert.match(text, /runtime is asked to end\n[\s\S]*\[watch\] ends: timeout\n/);
  });

  test("a runtime that does not end when it is asked is killed, and extensions have their time still", async () => {
    await deploy(
      lambda,
      "stubborn",
      {
        "index.js":
          'process.on("SIGTERM", () => console.log("no")); exports.handler = async () => setTimeout(() => {}, 60_000) && 1;',
      },
      { Layers: [layer] },
    );
    assert.equal((await invoke(lambda, "stubborn")).body, 1);
    await lambda.send(new DeleteFunctionCommand({ FunctionName: "stubborn" }));
    const text = await untilLogged(lambent.endpoint, "stubborn", /\[watch\] ends: spindown/);
    assert.doesNotMatch(text, /^Killed/m, "that is the start script's affair");
  });

  test("the time that extensions take to end is not the next invocation's", async () => {
    const slow = PYTHON_EXTENSION.replace("        sys.exit(0)", "        __import__('time').sleep(60)");
    await deploy(
      lambda,
      "slow-end",
      { "index.js": 'exports.handler = async ({ fail }) => (fail ? process.exit(3) : "sound");' },
      {
        Layers: [await publishLayer(lambda, "slow-end", await extensionLayer({ "extensions/slow": slow }))],
        Timeout: 10,
      },
    );
    assert.equal((await invoke(lambda, "slow-end")).body, "sound");
    await invoke(lambda, "slow-end", { fail: true });
    const startedMs = performance.now();
    const { body, log } = await invoke(lambda, "slow-end");
    assert.equal(body, "sound");
    const [, duration = ""] = /Duration: (\S+) ms/.exec(log) ?? [];
    const waitedMs = performance.now() - startedMs - Number(duration);
    assert.ok(waitedMs > 1_000, `waited ${waitedMs} ms beside ${duration} ms: ${log}`);
  });

  const initErrorWith = async (name: string, zip: Buffer): Promise<unknown> => {
    const files = { "index.js": "exports.handler = async () => 1;" };
    await deploy(lambda, name, files, { Layers: [await publishLayer(lambda, name, zip)] });
    return (await invoke(lambda, name)).body;
  };

  for (const [name, content, mode, reason] of [
    ["denied", PYTHON_EXTENSION, 0o100644, "permission denied"],
    ["scriptless", "echo not for the kernel\n", 0o100755, "exec format error"],
    ["elsewhere", "#!/nowhere/python3\n", 0o100755, "no such file or directory"],
  ] as const)
    test(`one that cannot be executed: ${reason}`, async () => {
      const body = await initErrorWith(name, await zipOf({ [`extensions/${name}`]: content }, { mode }));
      assert.equal((body as { errorType: string }).errorType, "Extension.LaunchError");
      assert.match(
        (body as { errorMessage: string }).errorMessage,
        new RegExp(`^RequestId: \\S+ Error: fork/exec /opt/extensions/${name}: ${reason}$`),
      );
      assert.match(
        await logOf(lambent.endpoint, name),
        new RegExp(`EXTENSION\\tName: ${name}\\tState: LaunchError\\tEvents: \\[\\]`),
      );
    });

  test("the longest name that a file can have is told whole", async () => {
    const longest = `${"ä".repeat(127)}x`;
    const zip = await extensionLayer({ [`extensions/${longest}`]: "#!/bin/sh\nexit 3\n" });
    const body = await initErrorWith("longest", zip);
    assert.equal((body as { errorType: string }).errorType, "Extension.Crash");
    assert.ok(
      (await logOf(lambent.endpoint, "longest")).includes(`EXTENSION\tName: ${longest}\tState: Crash`),
    );
  });

  test("one that never registers lets the initialisation fail", async () => {
    const zip = await extensionLayer({ "extensions/silent": "#!/bin/sh\nexit 3\n" });
    const body = await initErrorWith("silent", zip);
    assert.equal((body as { errorType: string }).errorType, "Extension.Crash");
  });
});
