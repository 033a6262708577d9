/** `lambent runtime install` with the real package manager, and how a running Lambent comes to use what it brings. */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { promisify } from "node:util";
import {
  CreateFunctionCommand,
  GetFunctionConfigurationCommand,
  GetRuntimeManagementConfigCommand,
  type LambdaClient,
  PublishVersionCommand,
  PutRuntimeManagementConfigCommand,
  UpdateFunctionConfigurationCommand,
  waitUntilFunctionUpdatedV2,
} from "@aws-sdk/client-lambda";
import { deploy, invoke, lambdaClient, ROLE_ARN, zipOf } from "../support/deploy.ts";
import { skipUnless } from "../support/skip.ts";
import { type RunningLambent, startLambent } from "../support/start-lambent.ts";

const PROGRAM = join(import.meta.dirname, "../../bin/lambent.js");
const INSTALL_LIMIT_MS = 200_000;

/** A user who has no Node.js 22 yet: another home, and a PATH on which npm's own Node is another line. */
async function newUser() {
  const home = await mkdtemp(join(tmpdir(), "lambent-user-"));
  const environment = { HOME: home, XDG_DATA_HOME: "", LAMBENT_RUNTIME_CHECK_INTERVAL_MS: "1000" };
  const run = (...words: string[]) =>
    promisify(execFile)(process.execPath, [PROGRAM, ...words], {
      env: { ...process.env, ...environment },
      timeout: INSTALL_LIMIT_MS,
      maxBuffer: 16 * 1024 * 1024,
    });
  return { home, environment, run };
}

const versionArn = async (lambda: LambdaClient, functionName: string): Promise<string> => {
  const { RuntimeVersionConfig } = await lambda.send(
    new GetFunctionConfigurationCommand({ FunctionName: functionName }),
  );
  return RuntimeVersionConfig?.RuntimeVersionArn ?? "";
};

async function nodeVersion(lambda: LambdaClient, functionName: string, qualifier?: string): Promise<string> {
  return (await invoke(lambda, functionName, {}, qualifier)).body as string;
}

/** Waits until a running Lambent has looked at the machine again. */
async function until(condition: () => Promise<boolean>): Promise<void> {
  for (let round = 0; round < 100; round++) {
    if (await condition()) return;
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
  assert.fail("did not happen in time");
}

const CODE = "exports.handler = async () => process.versions.node;";

test("nodejs22.x is installed with one command, and a running Lambent takes it up", {
  timeout: 400_000,
}, async (t) => {
  const user = await newUser();
  t.after(() => rm(user.home, { recursive: true, force: true }));
  const lambent = await startLambent({ environment: user.environment });
  t.after(() => lambent.stop());
  const lambda = lambdaClient(lambent.endpoint);
  if (!lambent.banner.some((line) => line.includes("nodejs22.x"))) {
    await assert.rejects(deploy(lambda, "early", { "index.js": CODE }, { Runtime: "nodejs22.x" }), {
      name: "InvalidParameterValueException",
      message:
        "Runtime nodejs22.x is not installed on this machine. No interpreter for nodejs22.x was found on this machine. " +
        "Install it with `lambent runtime install nodejs22.x`.",
    });
  }
  const reason = await user.run("runtime", "install", "nodejs22.x").then(
    ({ stdout }) => {
      assert.match(stdout, /^nodejs22[.]x: npm install --prefix /m);
      assert.match(stdout, /^nodejs22[.]x: 22[.]\d+[.]\d+ is installed$/m);
      return "";
    },
    (error) => `Node.js 22 cannot be installed: ${String(error.stderr ?? error).slice(-400)}`,
  );
  if (!skipUnless(t, reason === "", reason, "have npm and its registry at hand")) return;
  assert.match((await user.run("runtime", "list")).stdout, /^nodejs22[.]x +22[.]\d/m);
  // No restart: CreateFunction looks for what is missing.
  await deploy(lambda, "node22", { "index.js": CODE }, { Runtime: "nodejs22.x" });
  assert.match(await nodeVersion(lambda, "node22"), /^22[.]/);
  await updatesReachFunctions(lambent, lambda, user.home);
});

/** An older release of the line lies beside the newest, comes alone for a while, and is updated under the functions. */
async function updatesReachFunctions(
  _lambent: RunningLambent,
  lambda: LambdaClient,
  home: string,
): Promise<void> {
  const newest = await nodeVersion(lambda, "node22");
  const newestArn = await versionArn(lambda, "node22");
  const installed = join(home, ".local/share/lambent/runtimes-installed");
  const old = join(installed, "nodejs22.x-old");
  const flags = ["--prefix", old, "--no-audit", "--no-fund", "--no-save"];
  await promisify(execFile)(
    "npm",
    ["install", ...flags, `node-${process.platform}-${process.arch}@22.14.0`],
    {
      timeout: INSTALL_LIMIT_MS,
      env: { ...process.env, HOME: home },
    },
  );
  // The newest goes away: functions set to Auto go on with what there is.
  const aside = join(home, "aside");
  const { readdir, rename } = await import("node:fs/promises");
  const [current = ""] = (await readdir(installed)).filter((name) => name !== "nodejs22.x-old");
  await rename(join(installed, current), aside);
  await until(async () => (await nodeVersion(lambda, "node22")) === "22.14.0");
  const oldArn = await versionArn(lambda, "node22");
  assert.notEqual(oldArn, newestArn);

  for (const name of ["on-update", "manual"]) {
    await deploy(lambda, name, { "index.js": CODE }, { Runtime: "nodejs22.x" });
    assert.equal(await nodeVersion(lambda, name), "22.14.0");
  }
  await lambda.send(
    new PutRuntimeManagementConfigCommand({ FunctionName: "on-update", UpdateRuntimeOn: "FunctionUpdate" }),
  );
  const manual = await lambda.send(
    new PutRuntimeManagementConfigCommand({
      FunctionName: "manual",
      UpdateRuntimeOn: "Manual",
      RuntimeVersionArn: oldArn,
    }),
  );
  assert.deepEqual([manual.UpdateRuntimeOn, manual.RuntimeVersionArn], ["Manual", oldArn]);
  await lambda.send(new PublishVersionCommand({ FunctionName: "manual" }));

  // The update comes.
  await rename(aside, join(installed, current));
  await until(async () => (await nodeVersion(lambda, "node22")) === newest);
  assert.equal(await versionArn(lambda, "node22"), newestArn);
  assert.equal(await nodeVersion(lambda, "on-update"), "22.14.0");
  assert.equal(await versionArn(lambda, "on-update"), oldArn);
  assert.equal(await nodeVersion(lambda, "manual"), "22.14.0");
  assert.equal(await nodeVersion(lambda, "manual", "1"), "22.14.0");

  for (const FunctionName of ["on-update", "manual"]) {
    await lambda.send(new UpdateFunctionConfigurationCommand({ FunctionName, Description: "updated" }));
    await waitUntilFunctionUpdatedV2({ client: lambda, maxWaitTime: 30, minDelay: 1 }, { FunctionName });
  }
  assert.equal(await nodeVersion(lambda, "on-update"), newest);
  assert.equal(await nodeVersion(lambda, "manual"), "22.14.0");
  await lambda.send(
    new PutRuntimeManagementConfigCommand({ FunctionName: "manual", UpdateRuntimeOn: "Auto" }),
  );
  assert.equal(await nodeVersion(lambda, "manual"), newest);
  assert.equal(await nodeVersion(lambda, "manual", "1"), "22.14.0");

  // A pinned version that is taken away is missed, and nothing else is run in its place.
  await rename(old, aside);
  await until(async () => (await versionArn(lambda, "node22")) === newestArn);
  await until(() =>
    nodeVersion(lambda, "manual", "1").then(
      () => false,
      (error) => error.name === "ServiceException",
    ),
  );
}

test("runtime management refuses what AWS refuses", { timeout: 60_000 }, async (t) => {
  const lambent = await startLambent();
  t.after(() => lambent.stop());
  const lambda = lambdaClient(lambent.endpoint);
  await lambda.send(
    new CreateFunctionCommand({
      FunctionName: "f",
      Runtime: "nodejs24.x",
      Handler: "index.handler",
      Role: ROLE_ARN,
      Code: { ZipFile: await zipOf({ "index.js": CODE }) },
    }),
  );
  const put = (settings: object) =>
    lambda.send(
      new PutRuntimeManagementConfigCommand({ FunctionName: "f", UpdateRuntimeOn: "Manual", ...settings }),
    );
  await assert.rejects(put({}), {
    name: "InvalidParameterValueException",
    message: "RuntimeVersionArn is required when UpdateRuntimeOn is Manual.",
  });
  const absent = `arn:aws:lambda:us-east-1::runtime:${"0".repeat(64)}`;
  await assert.rejects(put({ RuntimeVersionArn: absent }), { name: "InvalidParameterValueException" });
  await assert.rejects(put({ RuntimeVersionArn: absent, UpdateRuntimeOn: "Auto" }), {
    name: "InvalidParameterValueException",
  });
  await assert.rejects(put({ Qualifier: "7", UpdateRuntimeOn: "Auto" }), {
    name: "ResourceNotFoundException",
  });
  await assert.rejects(put({ FunctionName: "absent" }), { name: "ResourceNotFoundException" });
  const { $metadata: _metadata, ...got } = await lambda.send(
    new GetRuntimeManagementConfigCommand({ FunctionName: "f" }),
  );
  assert.deepEqual(got, {
    FunctionArn: "arn:aws:lambda:us-east-1:000000000000:function:f",
    UpdateRuntimeOn: "Auto",
  });
});

test("what cannot be installed is said, with what to do", { timeout: 60_000 }, async () => {
  const user = await newUser();
  await assert.rejects(
    user.run("runtime", "install", "cobol1.x"),
    (error: { code: number; stderr: string }) => {
      assert.equal(error.code, 2);
      assert.match(error.stderr, /does not have the runtime cobol1[.]x[.]\nIt has .*nodejs22[.]x/);
      return true;
    },
  );
  await rm(user.home, { recursive: true, force: true });
});
