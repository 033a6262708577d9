import { rmSync } from "node:fs";
import { mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestContext } from "node:test";
import type { InstalledRuntime } from "../../src/ports/runtime-catalogue.ts";
import { commandInDebian, installFromDebian, PYTHON_OF_DEBIAN } from "./debian-interpreters.ts";
import { commandOnHost, discoverForTests, RUNTIMES_DIRECTORY } from "./installed-runtimes.ts";
import {
  type Installed,
  installAwsLambdaRic,
  installAwslambdaric,
  installNode22,
} from "./official-clients.ts";
import { RuntimeProcess, type RuntimeProcessOptions } from "./runtime-process.ts";
import { SCRIPTED_FUNCTION_ARN, ScriptedRuntimeApi } from "./scripted-runtime-api.ts";
import { skipUnless } from "./skip.ts";

export type ClientLanguage = "nodejs" | "python";

/** A way to run a function: one of our runtime clients, or AWS's own, with one interpreter. */
export interface RuntimeClient {
  readonly name: string;
  readonly language: ClientLanguage;
  readonly official: boolean;
  /** Its offer of a channel is taken. */
  readonly inFrames?: boolean;
  readonly command: (handler: string) => string[];
  readonly environmentVariables: Readonly<Record<string, string>>;
}

export const FUNCTION_VARIABLES = {
  AWS_LAMBDA_FUNCTION_NAME: "scripted",
  AWS_LAMBDA_FUNCTION_VERSION: "$LATEST",
  AWS_LAMBDA_FUNCTION_MEMORY_SIZE: "256",
  AWS_LAMBDA_LOG_GROUP_NAME: "/aws/lambda/scripted",
  AWS_LAMBDA_LOG_STREAM_NAME: "2026/01/01/[$LATEST]0123456789abcdef0123456789abcdef",
};

/** What a context says of that function, by the names that the test functions of all languages tell it by. */
export const FUNCTION_CONTEXT = {
  functionName: FUNCTION_VARIABLES.AWS_LAMBDA_FUNCTION_NAME,
  functionVersion: FUNCTION_VARIABLES.AWS_LAMBDA_FUNCTION_VERSION,
  memory: FUNCTION_VARIABLES.AWS_LAMBDA_FUNCTION_MEMORY_SIZE,
  arn: SCRIPTED_FUNCTION_ARN,
  logGroup: FUNCTION_VARIABLES.AWS_LAMBDA_LOG_GROUP_NAME,
  logStream: FUNCTION_VARIABLES.AWS_LAMBDA_LOG_STREAM_NAME,
};

/**
 * Our client with each Node.js and Python of this machine. Node.js 22 and Python 3.14 are fetched where it has none;
 * the latter is undefined where it has.
 */
export async function ourClients(): Promise<{
  clients: RuntimeClient[];
  node22: Installed;
  python314: Installed | undefined;
}> {
  const node22 = await installNode22();
  const searched = node22.directory === undefined ? [] : [node22.directory];
  const catalogue = await discoverForTests(searched);
  const ofMachine = catalogue.list();
  const hasPython314 = ofMachine.some(({ identifier }) => identifier === PYTHON_OF_DEBIAN.identifier);
  const python314 = hasPython314 ? undefined : await installFromDebian(PYTHON_OF_DEBIAN);
  const clients = ofMachine.flatMap(ourClient);
  if (python314?.directory !== undefined) clients.push(ourClientInDebian(python314.directory));
  const packed = (await discoverForTests(searched, await packsDirectory()))
    .list()
    .flatMap(ourClient)
    .filter(({ language }) => language === "nodejs");
  // One interpreter of each language is enough to speak in frames as well. For Node.js that is how functions run.
  const inFrames = [
    ...packed.map((client) => ({ ...client, name: `${client.name}, from a pack` })),
    ...clients.filter(({ language }) => language === "python").slice(-1),
  ].map((client) => ({ ...client, name: `${client.name}, in frames`, inFrames: true }));
  return { clients: [...clients, ...inFrames], node22, python314 };
}

function ourClientInDebian(directory: string): RuntimeClient {
  const { identifier } = PYTHON_OF_DEBIAN;
  const command = [
    ...commandInDebian(PYTHON_OF_DEBIAN, directory, [RUNTIMES_DIRECTORY]),
    join(RUNTIMES_DIRECTORY, "python/bootstrap.py"),
  ];
  return {
    name: `Lambent's client on ${identifier} of Debian`,
    language: "python",
    official: false,
    command: () => command,
    environmentVariables: { AWS_EXECUTION_ENV: `AWS_Lambda_${identifier}` },
  };
}

/** Of this process; gone when it ends. */
async function packsDirectory(): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), "lambent-test-packs-"));
  process.once("exit", () => rmSync(directory, { recursive: true, force: true }));
  return directory;
}

function ourClient(runtime: InstalledRuntime): RuntimeClient[] {
  const language = runtime.identifier.startsWith("nodejs") ? "nodejs" : "python";
  // Java functions have a test of their own, which compiles them: test/e2e/java.test.ts.
  if (!/^(nodejs|python)/.test(runtime.identifier)) return [];
  const command = commandOnHost(runtime.program);
  const { AWS_EXECUTION_ENV = "" } = runtime.environmentVariables;
  return [
    {
      name: `Lambent's client on ${runtime.identifier}`,
      language,
      official: false,
      command: () => command,
      environmentVariables: { AWS_EXECUTION_ENV },
    },
  ];
}

/** AWS's clients, or why they are not here. */
export async function officialClients(): Promise<
  { name: string; client?: RuntimeClient; installed: Installed }[]
> {
  const ric = await installAwsLambdaRic();
  const catalogue = await discoverForTests();
  const pythons = catalogue.list().filter((runtime) => runtime.identifier.startsWith("python"));
  // One interpreter is enough.
  const python = pythons.at(-1);
  const [pythonPath = "python3"] = python === undefined ? [] : commandOnHost(python.program);
  const pythonRic = await installAwslambdaric(pythonPath);
  return [
    ...["native", "http"].map((transport) => nodeRic(ric, transport)),
    {
      name: "awslambdaric from PyPI",
      installed: pythonRic,
      ...(pythonRic.directory === undefined
        ? {}
        : {
            client: {
              name: "awslambdaric from PyPI",
              language: "python" as const,
              official: true,
              command: (handler: string) => [pythonPath, "-m", "awslambdaric", handler],
              environmentVariables: {
                PYTHONPATH: pythonRic.directory,
                AWS_EXECUTION_ENV: `AWS_Lambda_${python?.identifier}`,
              },
            },
          }),
    },
  ];
}

/** The client's native transport, and the one on node:http that it has for runtimes without the addon. */
function nodeRic(installed: Installed, transport: string) {
  const name = `aws-lambda-ric from npm (${transport})`;
  if (installed.directory === undefined) return { name, installed };
  const { directory } = installed;
  const client: RuntimeClient = {
    name,
    language: "nodejs",
    official: true,
    command: () => [process.execPath, join(directory, "index.mjs")],
    environmentVariables: {
      AWS_EXECUTION_ENV: "AWS_Lambda_nodejs24.x",
      ...(transport === "http" ? { AWS_LAMBDA_NODEJS_USE_ALTERNATIVE_CLIENT_1: "true" } : {}),
    },
  };
  return { name, installed, client };
}

/** False, with the test skipped loudly, when a client could not be installed. */
export function isInstalled(t: TestContext, installed: Installed): boolean {
  if (installed.directory !== undefined) return true;
  return skipUnless(t, false, installed.failure, installed.howTo);
}

/** A client running one handler against a scripted Runtime API; both end with `stop`. */
export interface RunningClient {
  readonly api: ScriptedRuntimeApi;
  readonly process: RuntimeProcess;
  stop(): Promise<void>;
}

export async function startClient(
  client: RuntimeClient,
  directory: string,
  handler: string,
  more: Partial<RuntimeProcessOptions> = {},
): Promise<RunningClient> {
  const api = await ScriptedRuntimeApi.start({ takesFrames: client.inFrames === true });
  const process = new RuntimeProcess({
    ...more,
    command: client.command(handler),
    cwd: directory,
    environmentVariables: {
      ...FUNCTION_VARIABLES,
      ...client.environmentVariables,
      AWS_LAMBDA_RUNTIME_API: api.address,
      LAMBDA_TASK_ROOT: directory,
      // The official Python client, unlike the managed runtime around it, leaves the search path to its caller.
      ...(client.official && client.language === "python"
        ? { PYTHONPATH: `${directory}:${client.environmentVariables.PYTHONPATH}` }
        : {}),
      _HANDLER: handler,
      ...more.environmentVariables,
    },
  });
  const stop = async () => {
    await process.stop();
    api.close();
  };
  return { api, process, stop };
}

type Use = (running: RunningClient) => Promise<void>;

/** Runs `use` with a started client and stops it whatever happens. */
export async function withClient(
  client: RuntimeClient,
  directory: string,
  handler: string,
  ...rest: [Use] | [Partial<RuntimeProcessOptions>, Use]
): Promise<void> {
  const [options, use] = rest.length === 1 ? [{}, rest[0]] : rest;
  const running = await startClient(client, directory, handler, options);
  try {
    await use(running);
  } finally {
    await running.stop();
  }
}
