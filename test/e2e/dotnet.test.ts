/** .NET functions in real sandboxes, on .NET Core 3.1, which stands in for dotnet8. */
import assert from "node:assert/strict";
import { readdir, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { after, before, type TestContext, test } from "node:test";
import {
  CreateFunctionCommand,
  GetFunctionConfigurationCommand,
  InvokeWithResponseStreamCommand,
  type LambdaClient,
  type Runtime,
} from "@aws-sdk/client-lambda";
import { deploy, invoke, lambdaClient, ROLE_ARN, zipOf } from "../support/deploy.ts";
import { csharpCompiler, dotnetCore31 } from "../support/dotnet.ts";
import { compileDotnetFunctions } from "../support/dotnet-functions.ts";
import { skipUnless } from "../support/skip.ts";
import { type RunningLambent, startLambent } from "../support/start-lambent.ts";

const LIMIT = { timeout: 120_000 };

const { prefix, assemblies, failure, howTo } = await dotnetCore31();
const hasCompiler = await csharpCompiler();
let root: string | undefined;
let files: Record<string, Uint8Array>;
let lambent: RunningLambent | undefined;
let lambda: LambdaClient;

before(async () => {
  if (assemblies === undefined || !hasCompiler) return;
  root = await compileDotnetFunctions(assemblies);
  const directory = join(root, "package");
  const names = await readdir(directory);
  files = Object.fromEntries(
    await Promise.all(names.map(async (name) => [name, await readFile(join(directory, name))] as const)),
  );
  lambent = await startLambent({ environment: { DOTNET_ROOT: prefix } });
  lambda = lambdaClient(lambent.endpoint);
});
after(async () => {
  await lambent?.stop();
  if (root !== undefined) await rm(root, { recursive: true, force: true });
});

function isReady(t: TestContext): boolean {
  if (!skipUnless(t, failure === undefined, failure ?? "", howTo ?? "")) return false;
  return skipUnless(t, hasCompiler, "there is no C# compiler", "apt-get install mono-mcs");
}

/** Deploys a method of Example.Cases, or what a whole handler names, and invokes it. */
async function run(
  handler: string,
  event: unknown = {},
  more: { files?: typeof files; memoryMb?: number } = {},
) {
  const name = `dotnet-${handler.replace(/.*::/, "")}`;
  await deploy(lambda, name, more.files ?? files, {
    Runtime: "dotnet8" as Runtime,
    Handler: /::|^Executable$/.test(handler) ? handler : `Example::Example.Cases::${handler}`,
    MemorySize: more.memoryMb ?? 256,
    Timeout: 30,
  });
  return { name, ...(await invoke(lambda, name, event)) };
}

test("a class library runs, is warm afterwards, logs and fails as on AWS", LIMIT, async (t) => {
  if (!isReady(t)) return;
  const counted = await run("Counter");
  assert.equal(counted.body, 1, counted.log);
  assert.equal((await invoke(lambda, counted.name)).body, 2);
  const { body, log } = await run("Context", { n: 1 });
  const { arn, functionName, memory, isInTime, requestId } = body as Record<string, unknown>;
  const expected = "arn:aws:lambda:us-east-1:000000000000:function:dotnet-Context";
  assert.deepEqual([arn, functionName, memory, isInTime], [expected, "dotnet-Context", 256, true]);
  assert.match(log, new RegExp(`START RequestId: ${String(requestId)} Version: \\$LATEST\n`));
  const logged = await run("Logs");
  assert.match(logged.log, /Z\t[-0-9a-f]{36}\tinfo\tfirst line\nsecond line\n.*\twarn\ttold\n/);
  const failed = await run("Fail");
  assert.equal(failed.functionError, "Unhandled");
  assert.deepEqual(failed.body, {
    errorType: "InvalidOperationException",
    errorMessage: "it broke: ü",
    stackTrace: ["at Example.Cases.Fail()"],
  });
  const broken = await run("Example::Example.BadInit::Run");
  assert.equal((broken.body as { errorType: string }).errorType, "TargetInvocationException");
  assert.match(broken.log, /\tfail\tSystem[.]Reflection[.]TargetInvocationException: (.*\n)*.*init broke/);
});

test(
  "nothing of the platform is in the process, whether its environment has waited or not",
  LIMIT,
  async (t) => {
    if (!isReady(t)) return;
    const waited = new Set<boolean>();
    // The reserve fills in the background, once there is a function of the runtime.
    for (let attempt = 0; attempt < 8 && !waited.has(true); attempt++)
      waited.add(await checkProcess(`dotnet-sees-${attempt}`, { MINE: `mine ${attempt}` }));
    // A variable that is read at the start of a process keeps a function from it.
    waited.add(await checkProcess("dotnet-sees-made", { MINE: "mine", DOTNET_gcServer: "0" }));
    assert.ok(waited.has(false));
    const canWait = lambent?.banner.some((line) => line.includes("bubblewrap")) && process.getuid?.() === 0;
    const howTo = "run it as root on Linux, with bubblewrap installed";
    if (skipUnless(t, canWait === true, "nothing is kept in reserve here", howTo))
      assert.ok(waited.has(true));
  },
);

/** What a function sees; returns whether its environment has waited for it. */
async function checkProcess(name: string, variables: Record<string, string>): Promise<boolean> {
  await deploy(lambda, name, files, {
    Runtime: "dotnet8" as Runtime,
    Handler: "Example::Example.Cases::Sees",
    MemorySize: 256,
    Timeout: 30,
    Environment: { Variables: variables },
  });
  const { body } = await invoke(lambda, name);
  const {
    variables: own,
    directory,
    input,
    mine,
    pipesOfChild,
    upper,
    waited,
  } = body as Record<string, unknown>;
  // A program that the function starts has its own pipe to the function, and standard error.
  assert.deepEqual([own, directory, input, mine, pipesOfChild], [[], "/var/task", "", variables.MINE, 2]);
  // Turkish with ICU, and as it is without.
  assert.ok(["STRAßE I", "STRASSE I", "STRAßE ı"].includes(String(upper)), String(upper));
  return waited === true;
}

test(
  "an executable assembly is its own client, and its telemetry frames are log events",
  LIMIT,
  async (t) => {
    if (!isReady(t)) return;
    const { body, log } = await run("Executable", { n: 21 });
    assert.deepEqual(body, { own: { n: 21 } }, log);
    assert.match(log, /\ntwo\nlines\nEND/);
  },
);

test("a response stream reaches the caller in pieces", LIMIT, async (t) => {
  if (!isReady(t)) return;
  const { name, body } = await run("Streams", { kind: "json" });
  // Invoke collects the pieces.
  assert.equal(body, 1);
  const Payload = Buffer.from('{"kind":"http"}');
  const { EventStream = [] } = await lambda.send(
    new InvokeWithResponseStreamCommand({ FunctionName: name, Payload }),
  );
  let text = "";
  for await (const { PayloadChunk } of EventStream)
    text += Buffer.from(PayloadChunk?.Payload ?? []).toString();
  assert.equal(text, `{"statusCode":201}${"\0".repeat(8)}first 6 last`);
});

test("memory, exits and crashes end the environment with AWS's errors", LIMIT, async (t) => {
  if (!isReady(t)) return;
  const churned = await run("Churn", {}, { memoryMb: 128 });
  assert.equal(churned.body, 200, JSON.stringify(churned));
  const typeOf = ({ body }: { body: unknown }) => (body as { errorType: string }).errorType;
  assert.equal(typeOf(await run("Exhaust", {}, { memoryMb: 128 })), "Runtime.OutOfMemory");
  const exited = await run("Exit");
  assert.match((exited.body as { errorMessage: string }).errorMessage, /exit status 7$/);
  const crashed = await run("Crash");
  assert.match((crashed.body as { errorMessage: string }).errorMessage, /signal: aborted$/);
  assert.match(crashed.log, /crashed on purpose/);
});

test("what stands in is marked, and what is missing is refused with what to do", LIMIT, async (t) => {
  if (!isReady(t)) return;
  assert.ok(lambent?.banner.some((line) => line.includes("dotnet8 (by 3.1.")));
  const { name } = await run("Twice", 21);
  const { RuntimeVersionConfig } = await lambda.send(
    new GetFunctionConfigurationCommand({ FunctionName: name }),
  );
  assert.match(RuntimeVersionConfig?.Error?.Message ?? "", /^dotnet8 is served by version 3[.]1[.]/);
  // Built for a runtime that the machine does not have: the host itself says so.
  const settings = { framework: { name: "Microsoft.NETCore.App", version: "8.0.0" } };
  const newer = {
    ...files,
    "Example.runtimeconfig.json": Buffer.from(JSON.stringify({ runtimeOptions: settings })),
  };
  const refused = await run("NoInput", {}, { files: newer });
  assert.equal(refused.functionError, "Unhandled");
  assert.match(refused.log, /'Microsoft[.]NETCore[.]App', version '8[.]0[.]0'/);
  const create = new CreateFunctionCommand({
    FunctionName: "dotnet-missing",
    Runtime: "dotnet10" as Runtime,
    Handler: "Example::Example.Cases::Text",
    Role: ROLE_ARN,
    Code: { ZipFile: await zipOf(files) },
  });
  const advice = /No interpreter for dotnet10 was found on this machine.*provided[.]al2023/;
  await assert.rejects(lambda.send(create), advice);
});
