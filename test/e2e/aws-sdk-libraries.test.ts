/** What AWS's managed runtimes bring besides the language: functions find the SDK without packing it. */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { isDeepStrictEqual, promisify } from "node:util";
import { type Runtime, UpdateFunctionConfigurationCommand } from "@aws-sdk/client-lambda";
import { deploy, invoke, lambdaClient, publishLayer, zipOf } from "../support/deploy.ts";
import { skipUnless } from "../support/skip.ts";
import { startLambent } from "../support/start-lambent.ts";

const PROGRAM = join(import.meta.dirname, "../../bin/lambent.js");
const INSTALL_LIMIT_MS = 240_000;

const CALLER = `const client = new STSClient({});
export const handler = async () => (await client.send(new GetCallerIdentityCommand({}))).Arn;
`;
const NODE_MODULE = `import { STSClient, GetCallerIdentityCommand } from "@aws-sdk/client-sts";\n${CALLER}`;
const NODE_COMMON = `const { STSClient, GetCallerIdentityCommand } = require("@aws-sdk/client-sts");
${CALLER.replace("export const handler", "exports.handler")}`;
const PYTHON = `import sys, time, queue
had = "botocore" in sys.modules
import boto3
import botocore.loaders
events = 0
def handler(event, context):
    global events
    events += 1
    if event.get("loader"):
        model = boto3.client("s3", "us-east-1").meta.service_model
        return [had and events, botocore.loaders.JSONFileLoader.load_file.__module__, len(model.operation_names) > 50]
    if event.get("key"):
        time.sleep(1)
        return [had, __import__("multiprocessing").current_process().authkey.hex()]
    if event.get("had"):
        time.sleep(1)
        return [had, boto3.DEFAULT_SESSION is None, sys.modules["queue"].__file__.startswith("/var/task")]
    return boto3.client("sts").get_caller_identity()["Arn"]
`;

/** A module of the function's with the name of one of Python's, which does what that does. */
const OWN_QUEUE = `import importlib.util, sysconfig
spec = importlib.util.spec_from_file_location("pythons", sysconfig.get_path("stdlib") + "/queue.py")
module = importlib.util.module_from_spec(spec)
spec.loader.exec_module(module)
for name in ("Queue", "LifoQueue", "PriorityQueue", "SimpleQueue", "Empty", "Full"):
    globals()[name] = getattr(module, name)
`;

/** Later environments of "python" are forked from a program that has loaded the SDK; not where names meet. */
async function triesForked(lambda: ReturnType<typeof lambdaClient>, Runtime: Runtime): Promise<void> {
  await deploy(
    lambda,
    "own-queue",
    {
      "index.py": PYTHON,
      "queue.py": OWN_QUEUE,
    },
    { Runtime },
  );
  /** Of so many environments at once. */
  const told = async (name: string, atOnce: number, event: object = { had: true }) => {
    const invocations = Array.from({ length: atOnce }, () => invoke(lambda, name, event));
    return (await Promise.all(invocations)).map(({ body }) => body);
  };
  const isForked = (body: unknown) => isDeepStrictEqual(body, [true, true, false]);
  let atOnce = 2;
  while (atOnce < 12 && !(await told("python", atOnce)).some(isForked)) atOnce++;
  assert.ok(atOnce < 12);
  const keys = (await told("python", atOnce + 1, { key: true })) as [boolean, string][];
  assert.equal(new Set(keys.map(([, key]) => key)).size, keys.length, "each has a key of its own");
  assert.ok(keys.filter(([had]) => had).length > 1, "of those that were forked");
  // What it reads was read beforehand, for the first event; then the SDK is its own again.
  const own = "botocore.loaders";
  const loaders = new Map<unknown, unknown>([
    [false, own],
    [1, "lambent_runtime.sdk_data"],
  ]);
  for (let round = 0; round < 2; round++)
    for (const body of await told("python", atOnce + 1, { loader: true })) {
      const [event, loader, isWhole] = body as [unknown, unknown, unknown];
      assert.deepEqual([loader, isWhole], [loaders.get(event) ?? own, true]);
    }
  assert.deepEqual(await told("own-queue", 1), [[false, true, true]]);
  assert.deepEqual(await told("own-queue", 3), Array(3).fill([false, true, true]));
}

test("functions find AWS's SDK without packing it, once it is installed", { timeout: 600_000 }, async (t) => {
  const home = await mkdtemp(join(tmpdir(), "lambent-user-"));
  t.after(() => rm(home, { recursive: true, force: true }));
  const environment = {
    HOME: home,
    XDG_DATA_HOME: "",
    LAMBENT_RUNTIME_CHECK_INTERVAL_MS: "1000",
    PYENV_ROOT: process.env.PYENV_ROOT ?? join(process.env.HOME ?? "", ".pyenv"),
  };
  const run = (...words: string[]) =>
    promisify(execFile)(process.execPath, [PROGRAM, ...words], {
      env: { ...process.env, ...environment },
      timeout: INSTALL_LIMIT_MS,
      maxBuffer: 16 * 1024 * 1024,
    });
  const lambent = await startLambent({ environment });
  t.after(() => lambent.stop());
  const lambda = lambdaClient(lambent.endpoint);
  const { runtimes } = (await (await fetch(`${lambent.endpoint}/health`)).json()) as { runtimes: string[] };
  const python = runtimes.findLast((runtime) => runtime.startsWith("python"));
  await deploy(lambda, "module", { "index.mjs": NODE_MODULE });
  await deploy(lambda, "common", { "index.js": NODE_COMMON });
  if (python !== undefined)
    await deploy(lambda, "python", { "index.py": PYTHON }, { Runtime: python as "python3.12" });

  // Without it, the log says what to do.
  const missing = await invoke(lambda, "common");
  assert.equal((missing.body as { errorType: string }).errorType, "Runtime.ImportModuleError");
  const library = (language: string) => new RegExp(`lambent runtime install aws-sdk-${language}\n`);
  assert.match(missing.log, library("nodejs"));
  assert.match((await invoke(lambda, "module")).log, library("nodejs"));
  if (python !== undefined) assert.match((await invoke(lambda, "python")).log, library("python"));

  assert.match((await run("runtime", "list")).stdout, /^aws-sdk-nodejs +missing; install it with lambent/m);
  const reason = await run("runtime", "install", "aws-sdk-nodejs", "aws-sdk-python").then(
    ({ stdout }) => {
      assert.match(stdout, /^aws-sdk-nodejs: is installed$/m);
      assert.match(stdout, /^aws-sdk-python: is installed$/m);
      return "";
    },
    (error) => `AWS's SDK cannot be installed: ${String(error.stderr ?? error).slice(-400)}`,
  );
  if (!skipUnless(t, reason === "", reason, "have npm, pip and their registries at hand")) return;
  assert.match((await run("runtime", "list")).stdout, /^aws-sdk-python +installed$/m);

  // No restart: environments that come after the next look at the machine have it.
  const answers = async (name: string): Promise<unknown> => {
    for (let round = 0; round < 40; round++) {
      const { body, functionError } = await invoke(lambda, name);
      if (functionError === undefined) return body;
      await new Promise((resolve) => setTimeout(resolve, 250));
    }
    return (await invoke(lambda, name)).body;
  };
  for (const name of ["module", "common", ...(python === undefined ? [] : ["python"])])
    assert.match(String(await answers(name)), new RegExp(`assumed-role/test-role/${name}$`));

  if (python !== undefined) await triesForked(lambda, python as Runtime);

  // A layer's own version comes first, for require and for import.
  const layer = await publishLayer(
    lambda,
    "own-sdk",
    await zipOf({
      "nodejs/node_modules/@aws-sdk/client-sts/package.json":
        '{"name":"@aws-sdk/client-sts","main":"index.js"}',
      "nodejs/node_modules/@aws-sdk/client-sts/index.js":
        'exports.GetCallerIdentityCommand = class {}; exports.STSClient = class { send() { return { Arn: "the layer" }; } };',
    }),
  );
  for (const FunctionName of ["module", "common"]) {
    await lambda.send(new UpdateFunctionConfigurationCommand({ FunctionName, Layers: [layer] }));
    let body: unknown;
    for (let round = 0; round < 40 && body !== "the layer"; round++)
      body = (await invoke(lambda, FunctionName)).body;
    assert.equal(body, "the layer");
  }
});
