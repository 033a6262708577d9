/**
 * `npm run demo`: a round with the official JavaScript SDK, as a person would make it on AWS. A Node function packs
 * this repository's documents with a package from npm, a Python function opens the result. Uses the Lambent that
 * answers at AWS_ENDPOINT_URL or at port 4566, or starts one for the time of the demonstration.
 */
import assert from "node:assert/strict";
import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import {
  CloudWatchLogsClient,
  DeleteLogGroupCommand,
  FilterLogEventsCommand,
} from "@aws-sdk/client-cloudwatch-logs";
import {
  AttachRolePolicyCommand,
  CreateRoleCommand,
  DeleteRoleCommand,
  DetachRolePolicyCommand,
  IAMClient,
} from "@aws-sdk/client-iam";
import {
  CreateAliasCommand,
  CreateFunctionCommand,
  DeleteFunctionCommand,
  InvokeCommand,
  LambdaClient,
  ListVersionsByFunctionCommand,
  PublishVersionCommand,
  type Runtime,
  UpdateAliasCommand,
  UpdateFunctionCodeCommand,
  waitUntilFunctionActiveV2,
  waitUntilFunctionUpdatedV2,
} from "@aws-sdk/client-lambda";
import { GetCallerIdentityCommand, STSClient } from "@aws-sdk/client-sts";
import { clientConfiguration, zipOf } from "../test/support/deploy.ts";
import { findOrStart, packageFiles, Steps } from "./demonstration.ts";

const POLICY_ARN = "arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole";
const TRUST = {
  Version: "2012-10-17",
  Statement: [{ Effect: "Allow", Principal: { Service: "lambda.amazonaws.com" }, Action: "sts:AssumeRole" }],
};
/** A name of its own for each run: a Lambent that is in use may be told to demonstrate itself. */
const SUFFIX = process.pid.toString(36);
const ROLE = `demo-role-${SUFFIX}`;
const ARCHIVE = `demo-archive-${SUFFIX}`;
const INSPECT = `demo-inspect-${SUFFIX}`;
const WAIT = { maxWaitTime: 60, minDelay: 0.05, maxDelay: 0.2 };

const root = join(import.meta.dirname, "..");

const steps = new Steps();
const step: Steps["step"] = (what, action, outcomeOf) => steps.step(what, action, outcomeOf);

function documents(): Record<string, string> {
  const files = ["README.md", "CHANGELOG.md", ...globSync("docs/**/*.md", { cwd: root })];
  return Object.fromEntries(files.map((file) => [file, readFileSync(join(root, file), "utf8")]));
}

interface Clients {
  readonly lambda: LambdaClient;
  readonly iam: IAMClient;
  readonly logs: CloudWatchLogsClient;
  readonly sts: STSClient;
}

interface NewFunction {
  readonly name: string;
  readonly runtime: Runtime;
  readonly handler: string;
  readonly zip: Buffer;
  readonly roleArn: string;
}

async function create(
  { lambda }: Clients,
  { name, runtime, handler, zip, roleArn }: NewFunction,
): Promise<string> {
  const created = await lambda.send(
    new CreateFunctionCommand({
      FunctionName: name,
      Runtime: runtime,
      Handler: handler,
      Role: roleArn,
      Timeout: 15,
      MemorySize: 1024,
      Code: { ZipFile: zip },
    }),
  );
  await waitUntilFunctionActiveV2({ client: lambda, ...WAIT }, { FunctionName: name });
  return created.FunctionArn ?? "";
}

interface Answer<T> {
  readonly body: T;
  readonly version: string;
  /** The REPORT line of the invocation. */
  readonly report: string;
}

async function invoke<T>({ lambda }: Clients, functionName: string, event: unknown): Promise<Answer<T>> {
  const answer = await lambda.send(
    new InvokeCommand({ FunctionName: functionName, LogType: "Tail", Payload: JSON.stringify(event) }),
  );
  const text = Buffer.from(answer.Payload ?? []).toString();
  assert.equal(answer.FunctionError, undefined, text);
  const log = Buffer.from(answer.LogResult ?? "", "base64").toString();
  const report = log.split("\n").find((line) => line.startsWith("REPORT")) ?? "";
  return { body: JSON.parse(text) as T, version: answer.ExecutedVersion ?? "", report };
}

/** "Duration: 1.23 ms … Init Duration: 4.56 ms" without the request id. */
function durations(report: string): string {
  return report
    .split("\t")
    .slice(1)
    .filter((part) => /Duration|Max Memory/.test(part))
    .join(", ");
}

interface Archive {
  readonly zip: string;
  readonly sizeBytes: number;
}

async function deploy(clients: Clients, pythonRuntime: string): Promise<void> {
  await step(
    "sts get-caller-identity",
    () => clients.sts.send(new GetCallerIdentityCommand({})),
    (identity) => String(identity.Arn),
  );
  const role = await step(
    "iam create-role, attach-role-policy",
    async () => {
      const created = await clients.iam.send(
        new CreateRoleCommand({ RoleName: ROLE, AssumeRolePolicyDocument: JSON.stringify(TRUST) }),
      );
      await clients.iam.send(new AttachRolePolicyCommand({ RoleName: ROLE, PolicyArn: POLICY_ARN }));
      return created.Role?.Arn ?? "";
    },
    (arn) => arn,
  );
  const zip = await zipOf({
    "index.mjs": readFileSync(join(root, "examples/archive/index.mjs")),
    ...packageFiles("yazl"),
  });
  const archive: NewFunction = {
    name: ARCHIVE,
    runtime: "nodejs24.x" as Runtime,
    handler: "index.handler",
    zip,
    roleArn: role,
  };
  await step(
    `create-function ${ARCHIVE}`,
    () => create(clients, archive),
    () => `zip of ${zip.length} bytes with yazl`,
  );
  const inspect: NewFunction = {
    name: INSPECT,
    runtime: pythonRuntime as Runtime,
    handler: "lambda_function.handler",
    zip: await zipOf({
      "lambda_function.py": readFileSync(join(root, "examples/inspect/lambda_function.py")),
    }),
    roleArn: role,
  };
  await step(
    `create-function ${INSPECT}`,
    () => create(clients, inspect),
    () => pythonRuntime,
  );
}

async function run(clients: Clients, files: Record<string, string>): Promise<void> {
  const count = Object.keys(files).length;
  const describe = (answer: Answer<Archive>): string =>
    `version ${answer.version}: ${count} files, ${answer.body.sizeBytes} bytes; ${durations(answer.report)}`;
  const pack = (qualifier: string): Promise<Answer<Archive>> =>
    invoke<Archive>(clients, `${ARCHIVE}${qualifier}`, { files });
  await step("invoke Node, first time", () => pack(""), describe);
  const packed = await step("invoke Node, again", () => pack(""), describe);
  const inspectZip = (zip: string): Promise<Answer<{ words: Record<string, number> }>> =>
    invoke(clients, INSPECT, { zip });
  const inspected = await step(
    "invoke Python on the result",
    () => inspectZip(packed.body.zip),
    (answer) => {
      const total = Object.values(answer.body.words).reduce((sum, words) => sum + words, 0);
      return `${total} words; ${durations(answer.report)}`;
    },
  );
  assert.deepEqual(Object.keys(inspected.body.words).toSorted(), Object.keys(files).toSorted());

  const { lambda } = clients;
  await step(
    "publish-version",
    () => lambda.send(new PublishVersionCommand({ FunctionName: ARCHIVE })),
    (version) => `version ${version.Version}`,
  );
  const alias = { FunctionName: ARCHIVE, Name: "live" };
  await step(
    "create-alias live",
    () => lambda.send(new CreateAliasCommand({ ...alias, FunctionVersion: "1" })),
    (made) => String(made.AliasArn),
  );
  await step(
    "update-function-code, publish-version",
    async () => {
      const zip = await zipOf({
        "index.mjs": readFileSync(join(root, "examples/archive-with-digests/index.mjs")),
        ...packageFiles("yazl"),
      });
      await lambda.send(new UpdateFunctionCodeCommand({ FunctionName: ARCHIVE, ZipFile: zip }));
      await waitUntilFunctionUpdatedV2({ client: lambda, ...WAIT }, { FunctionName: ARCHIVE });
      return lambda.send(new PublishVersionCommand({ FunctionName: ARCHIVE }));
    },
    (version) => `version ${version.Version}`,
  );
  const old = await step("invoke alias live", () => pack(":live"), describe);
  assert.equal(old.version, "1");
  await step(
    "update-alias live",
    () => lambda.send(new UpdateAliasCommand({ ...alias, FunctionVersion: "2" })),
    (updated) => `version ${updated.FunctionVersion}`,
  );
  const renewed = await step("invoke alias live", () => pack(":live"), describe);
  assert.equal(renewed.version, "2");
  const digests = await step(
    "invoke Python on the result",
    () => inspectZip(renewed.body.zip),
    (answer) => `SHA256SUMS has ${answer.body.words.SHA256SUMS} words`,
  );
  assert.equal(digests.body.words.SHA256SUMS, 2 * count);
  await step(
    "list-versions-by-function",
    () => lambda.send(new ListVersionsByFunctionCommand(alias)),
    (list) => (list.Versions ?? []).map((version) => version.Version).join(", "),
  );
}

/** Log delivery is asynchronous, on AWS as here: asks until the lines have arrived. */
async function readLogs({ logs }: Clients): Promise<string[]> {
  const deadlineMs = performance.now() + 20_000;
  for (;;) {
    const found = await logs
      .send(new FilterLogEventsCommand({ logGroupName: `/aws/lambda/${ARCHIVE}`, filterPattern: "packed" }))
      .catch((error: Error) => {
        if (error.name === "ResourceNotFoundException") return { events: [] };
        throw error;
      });
    const lines = (found.events ?? []).map((event) => event.message ?? "");
    if (lines.length >= 4) return lines;
    if (performance.now() > deadlineMs) throw new Error(`only ${lines.length} log lines arrived`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

function cleanUpActions({ lambda, logs, iam }: Clients): (() => Promise<unknown>)[] {
  return [
    ...[ARCHIVE, INSPECT].flatMap((name) => [
      () => lambda.send(new DeleteFunctionCommand({ FunctionName: name })),
      () => logs.send(new DeleteLogGroupCommand({ logGroupName: `/aws/lambda/${name}` })),
    ]),
    () => iam.send(new DetachRolePolicyCommand({ RoleName: ROLE, PolicyArn: POLICY_ARN })),
    () => iam.send(new DeleteRoleCommand({ RoleName: ROLE })),
  ];
}

async function cleanUp(clients: Clients): Promise<void> {
  for (const action of cleanUpActions(clients)) await action();
}

const lambent = await findOrStart();
const configuration = clientConfiguration(lambent.endpoint);
const clients: Clients = {
  lambda: new LambdaClient(configuration),
  iam: new IAMClient(configuration),
  logs: new CloudWatchLogsClient(configuration),
  sts: new STSClient(configuration),
};
try {
  const health = (await (await fetch(`${lambent.endpoint}/health`)).json()) as {
    runtimes: string[];
    isolation: { summary: string };
  };
  const python = health.runtimes.findLast((runtime) => runtime.startsWith("python"));
  if (python === undefined) throw new Error("this machine has no Python runtime: apt-get install python3");
  console.log(`\ndemonstration at ${lambent.endpoint}, isolation: ${health.isolation.summary}\n`);
  await deploy(clients, python);
  await run(clients, documents());
  await step(
    "logs filter-log-events",
    () => readLogs(clients),
    (lines) => `${lines.length} lines: ${lines[0]?.trim()}`,
  );
  await step(
    "delete functions, log groups and role",
    () => cleanUp(clients),
    () => "nothing is left",
  );
  console.log(`\n${steps.summary}`);
} catch (error) {
  // Whatever was made by then goes away again; what was not yet made cannot be deleted, and that is fine.
  for (const action of cleanUpActions(clients)) await action().catch(() => undefined);
  throw error;
} finally {
  await lambent.stop();
}
