/** What a function finds around it when it runs: the variables that AWS sets, its package's files, the log that its levels let through. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import type { LambdaClient, Runtime } from "@aws-sdk/client-lambda";
import { deploy, invoke, lambdaClient } from "../support/deploy.ts";
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
});
