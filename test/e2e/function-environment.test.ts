/** What a function finds around it when it runs: the variables that AWS sets, its package's files, the log that its levels let through. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import type { LambdaClient, Runtime } from "@aws-sdk/client-lambda";
import { deploy, invoke, lambdaClient } from "../support/deploy.ts";
import { rubyRuntime } from "../support/ruby.ts";
import { skipUnless } from "../support/skip.ts";
import { type RunningLambent, startLambent } from "../support/start-lambent.ts";

/** AWS: as functions have told it; the last three are the metadata endpoint's and Lambent's own. */
const VARIABLES =
  `AWS_ACCESS_KEY_ID AWS_DEFAULT_REGION AWS_EXECUTION_ENV AWS_LAMBDA_FUNCTION_MEMORY_SIZE AWS_LAMBDA_FUNCTION_NAME
  AWS_LAMBDA_FUNCTION_VERSION AWS_LAMBDA_INITIALIZATION_TYPE AWS_LAMBDA_LOG_GROUP_NAME AWS_LAMBDA_LOG_STREAM_NAME
  AWS_LAMBDA_RUNTIME_API AWS_REGION AWS_SECRET_ACCESS_KEY AWS_SESSION_TOKEN AWS_XRAY_CONTEXT_MISSING AWS_XRAY_DAEMON_ADDRESS
  LAMBDA_RUNTIME_DIR LAMBDA_TASK_ROOT LANG LD_LIBRARY_PATH PATH PWD SHLVL TZ _AWS_XRAY_DAEMON_ADDRESS _AWS_XRAY_DAEMON_PORT
  _HANDLER _X_AMZN_TRACE_ID AWS_LAMBDA_METADATA_API AWS_LAMBDA_METADATA_TOKEN AWS_ENDPOINT_URL`.split(/\s+/);

const COPIED = { "data/table.txt": "copied", "index.js": "", "index.py": "" };
const LANGUAGES = {
  "nodejs24.x": {
    ownVariables: ["NODE_PATH"],
    files: {
      ...COPIED,
      "index.js": `
        const fs = require("node:fs");
        exports.handler = async () => {
          fs.cpSync("/var/task/data", "/tmp/data", { recursive: true });
          fs.copyFileSync("/var/task/data/table.txt", "/tmp/table.txt");
          for (const file of ["/tmp/data/table.txt", "/tmp/table.txt"]) fs.appendFileSync(file, " and changed");
          const refused = (() => { try { fs.appendFileSync("/var/task/data/table.txt", "x"); } catch ({ code }) { return code; } })();
          return [Object.keys(process.env), fs.readFileSync("/tmp/data/table.txt", "utf8"), fs.readFileSync("/tmp/table.txt", "utf8"), refused];
        };`,
    },
  },
  "python3.13": {
    ownVariables: ["PYTHONPATH"],
    files: {
      ...COPIED,
      "index.py": `
import errno, os, shutil
def handler(event, context):
    shutil.copytree("/var/task/data", "/tmp/data", dirs_exist_ok=True)
    shutil.copy("/var/task/data/table.txt", "/tmp/table.txt")
    refused = None
    for file in ["/tmp/data/table.txt", "/tmp/table.txt"]:
        open(file, "a").write(" and changed")
    try:
        open("/var/task/data/table.txt", "a")
    except OSError as error:
        refused = errno.errorcode[error.errno]
    return [list(os.environ), open("/tmp/data/table.txt").read(), open("/tmp/table.txt").read(), refused]
`,
    },
  },
} as const;

/** Keeps as many megabytes, replaces half of them ever again, and makes garbage meanwhile. */
const CHURNING = `
const megabyte = () => Array.from({ length: 8 }, () => Array.from({ length: 4096 }, (_, at) => ({ at })).map(({ at }) => at * 1.5));
exports.handler = async ({ keptMb, rounds }) => {
  let kept = [];
  for (let round = 0; round < rounds; round++) {
    kept = kept.slice(kept.length >> 1);
    while (kept.length < keptMb * 4) kept.push(...megabyte());
    for (let at = 0; at < 100; at++) Array.from({ length: 1000 }, (_, i) => ({ i, text: "x" + i, filled: new Array(20).fill(i) }));
  }
  return [process.execArgv, require("node:v8").getHeapStatistics().heap_size_limit / 2 ** 20];
};`;

const PRINTING = `#!/bin/sh
api="http://$AWS_LAMBDA_RUNTIME_API/2018-06-01/runtime/invocation"
while true; do
  id=$(curl -sS -o /tmp/event -D - "$api/next" | tr -d '\\r' | sed -n 's/^Lambda-Runtime-Aws-Request-Id: //p')
  for level in debug info warn error; do
    echo "{\\"level\\": \\"$level\\", \\"msg\\": \\"printed as $level\\", \\"timestamp\\": \\"2024-11-02T16:51:31.587199Z\\"}"
  done
  echo "{\\"level\\": \\"debug\\", \\"msg\\": \\"complained of\\", \\"timestamp\\": \\"2024-11-02T16:51:31Z\\"}" >&2
  echo 'printed as it is'
  curl -sS -o /dev/null -d '{}' "$api/$id/response"
done
`;

describe("around a function", { timeout: 120_000 }, () => {
  let lambent: RunningLambent;
  let lambda: LambdaClient;
  before(async () => {
    lambent = await startLambent();
    lambda = lambdaClient(lambent.endpoint);
  });
  after(() => lambent.stop());

  for (const [runtime, { ownVariables, files }] of Object.entries(LANGUAGES)) {
    test(`${runtime} has AWS's variables, and may change what it copies out of its package`, async (t) => {
      const isolated = lambent.banner.some((line) => line.includes("bubblewrap"));
      if (!skipUnless(t, isolated, "functions are plain processes here", "install bubblewrap")) return;
      const name = runtime.replace(/\W/g, "");
      await deploy(lambda, name, files, { Runtime: runtime as Runtime });
      const { body, log } = await invoke(lambda, name);
      assert.ok(Array.isArray(body), log);
      const [variables, inDirectory, alone, refused] = body as [string[], string, string, string];
      // Python's own, where there is no locale of the name in LANG.
      const platform = variables.filter((variable) => variable !== "LC_CTYPE");
      assert.deepEqual(platform.sort(), [...VARIABLES, ...ownVariables].sort());
      assert.deepEqual([inDirectory, alone], ["copied and changed", "copied and changed"]);
      assert.match(refused, /^(EROFS|EACCES)$/);
    });
  }

  test("what is printed as JSON is logged from the function's level on, as AWS filters it for any runtime", async () => {
    await deploy(
      lambda,
      "levels",
      { bootstrap: PRINTING },
      {
        Runtime: "provided.al2023",
        LoggingConfig: { LogFormat: "JSON", ApplicationLogLevel: "WARN", SystemLogLevel: "WARN" },
      },
    );
    const { log } = await invoke(lambda, "levels");
    const printed = log.split("\n").filter((line) => line !== "");
    assert.deepEqual(
      printed.map((line) => (line.startsWith("{") ? (JSON.parse(line) as { msg: string }).msg : line)),
      ["printed as warn", "printed as error", "printed as it is"],
    );
  });

  test("Ruby 3.2 reads files as UTF-8, as on AWS", async (t) => {
    const runtime = await rubyRuntime(t);
    if (runtime?.identifier !== "ruby3.2") return;
    const handler = `def handler(event:, context:) = [Encoding.default_external.to_s, File.read("text.txt").size]`;
    const files = { "index.rb": handler, "text.txt": "grün" };
    await deploy(lambda, "reading", files, { Runtime: "ruby3.2" });
    const { body, log } = await invoke(lambda, "reading");
    assert.deepEqual(body, ["UTF-8", 4], log);
  });

  test("Node.js collects garbage before a small function's memory is used up, and may use all of a large one's", async () => {
    const settings = { Timeout: 60, MemorySize: 128 };
    await deploy(lambda, "churning", { "index.js": CHURNING }, settings);
    const small = await invoke(lambda, "churning", { keptMb: 45, rounds: 12 });
    assert.equal(small.functionError, undefined, small.log);
    const [told] = small.body as [string[]];
    assert.deepEqual(told, [
      "--expose-gc",
      "--max-http-header-size",
      "81920",
      "--max-semi-space-size=6",
      "--max-old-space-size=116",
    ]);
    await deploy(lambda, "large", { "index.js": CHURNING }, { ...settings, MemorySize: 10_240 });
    const large = await invoke(lambda, "large", { keptMb: 1, rounds: 1 });
    const [toldLarge, limitMb] = large.body as [string[], number];
    assert.deepEqual(toldLarge.slice(3), ["--max-semi-space-size=512", "--max-old-space-size=9216"]);
    assert.ok(limitMb >= 9216, `${limitMb} MB`);
  });
});
