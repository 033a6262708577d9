import { readdir, readFile } from "node:fs/promises";
import { Agent } from "node:http";
import { join, relative } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import type { Runtime } from "@aws-sdk/client-lambda";
import type { RuntimeCatalogue } from "../../src/ports/runtime-catalogue.ts";
import { bundle } from "../../test/support/bundle.ts";
import { deploy, invoke, lambdaClient } from "../../test/support/deploy.ts";
import { commandOnHost } from "../../test/support/installed-runtimes.ts";
import { startLambent } from "../../test/support/start-lambent.ts";
import { timeInvocation } from "../load/one-invocation.ts";
import { installOnce, run } from "../peers/install.ts";
import type { ScenarioOptions } from "../scenario.ts";
import { median, percentile, rounded } from "../statistics.ts";

const BOTO3_VERSION = "1.43.107";
/** AWS: this much memory comes with one whole CPU. */
const ONE_CPU_MB = 1_769;
const STARTS_PER_ROUND = 4;
const PAUSE_MS = 400;
/** Environments end after so long without an event. */
const IDLE_MS = 1_000;
/** Lambent looks every five seconds for those that have been idle for too long. */
const ENDED_MS = 7_000;
/** Longer than the measurement: until then nobody else makes the pack that an environment was told to make and did not. */
const TIMEOUT_SECONDS = 900;
const REQUIRE =
  'import { createRequire } from "node:module"; const require = createRequire(import.meta.url);';
const S3_CLIENT = `import { S3Client } from "@aws-sdk/client-s3";
  const client = new S3Client({ region: "us-east-1" });
  export const handler = async (event: { exit?: boolean }) => {
    if (event.exit) process.exit(1);
    return typeof client.send;
  };`;
const BOTO3_CLIENT = `import os
import boto3
client = boto3.client("s3", region_name="us-east-1")
def handler(event, context):
    if event.get("exit"):
        os._exit(1)
    return client.meta.region_name
`;

interface Library {
  readonly key: string;
  readonly label: string;
  readonly runtime: Runtime;
  readonly files: Readonly<Record<string, string | Uint8Array>>;
}

interface LibraryFigures extends Library {
  readonly withPack: number[];
  readonly without: number[];
}

/** A package and what it needs, without what no function carries along. */
async function filesOf(directory: string): Promise<Record<string, Uint8Array>> {
  const files: Record<string, Uint8Array> = {};
  for (const entry of await readdir(directory, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name);
    const name = relative(directory, path);
    if (entry.isFile() && !/(^|\/)(__pycache__|bin)\//.test(name)) files[name] = await readFile(path);
  }
  return files;
}

/** boto3 as `lambent runtime install aws-sdk-python` puts it; functions bring it from there, or find it as the runtime's. */
interface Boto3 {
  readonly runtime: Runtime;
  /** XDG_DATA_HOME of a Lambent that has it. */
  readonly dataHome: string;
  readonly directory: string;
}

async function installBoto3(
  runtimes: RuntimeCatalogue,
  options: ScenarioOptions,
): Promise<Boto3 | undefined> {
  const python = runtimes.list().findLast(({ identifier }) => identifier.startsWith("python3."));
  if (python === undefined) return undefined;
  const below = join("lambent", "runtimes-installed", `aws-sdk-python-${BOTO3_VERSION}`);
  try {
    const dataHome = await installOnce(`boto3-of-runtime-${BOTO3_VERSION}`, async (target) => {
      const quiet = ["--quiet", "--disable-pip-version-check"];
      const interpreter = commandOnHost(python.program)[0] ?? "python3";
      const packages = ["--target", join(target, below), `boto3==${BOTO3_VERSION}`];
      await run([interpreter, "-m", "pip", "install", ...quiet, ...packages], target);
    });
    return { runtime: python.identifier as Runtime, dataHome, directory: join(dataHome, below) };
  } catch (error) {
    options.progress(`boto3 is not measured: ${error instanceof Error ? error.message : String(error)}`);
    return undefined;
  }
}

async function libraries(boto3: Boto3 | undefined): Promise<Library[]> {
  const node = { runtime: "nodejs24.x" } as const;
  const found: Library[] = [
    {
      ...node,
      key: "node_s3",
      label: "node, S3 client bundled as CommonJS",
      files: await bundle(S3_CLIENT, { format: "cjs", minify: true }),
    },
    {
      ...node,
      key: "node_s3_module",
      label: "node, S3 client bundled as an ES module",
      files: await bundle(S3_CLIENT, {
        format: "esm",
        minify: true,
        outExtension: { ".js": ".mjs" },
        banner: { js: REQUIRE },
      }),
    },
  ];
  if (boto3 === undefined) return found;
  const { runtime, directory } = boto3;
  return [
    ...found,
    {
      runtime,
      key: "python_boto3",
      label: "python, S3 client of the machine's boto3",
      files: { "index.py": BOTO3_CLIENT },
    },
    {
      runtime,
      key: "python_boto3_in_package",
      label: "python, S3 client of a boto3 in the package",
      files: { ...(await filesOf(directory)), "index.py": BOTO3_CLIENT },
    },
  ];
}

const withPack = ({ key }: Library): string => `${key}-with`;
const without = ({ key }: Library): string => `${key}-without`;

/**
 * Of each library two functions: one whose first environment told what it had loaded and compiled, and one whose first
 * environment never did, though otherwise the same.
 */
async function prepare(endpoint: string, library: Library): Promise<void> {
  const lambda = lambdaClient(endpoint);
  const { runtime: Runtime, files } = library;
  for (const name of [withPack(library), without(library)])
    await deploy(lambda, name, files, { Runtime, Timeout: TIMEOUT_SECONDS, MemorySize: ONE_CPU_MB });
  // Whoever is to make the pack sends it after its first event, and does not come to that here.
  await invoke(lambda, without(library), { exit: true });
  for (let event = 0; event < 3; event++) await invoke(lambda, withPack(library));
  lambda.destroy();
}

/** Cold starts of functions with an AWS SDK, from the reserve, by turns with and without the code compiled for them. */
export async function measureLibraries(
  runtimes: RuntimeCatalogue,
  options: ScenarioOptions,
): Promise<LibraryFigures[]> {
  const idle = String(IDLE_MS);
  const boto3 = await installBoto3(runtimes, options);
  const lambent = await startLambent({
    environment: {
      ...(boto3 !== undefined && { XDG_DATA_HOME: boto3.dataHome }),
      LAMBENT_IDLE_ENVIRONMENT_TIMEOUT_MS: idle,
      LAMBENT_IDLE_ENVIRONMENT_TIMEOUT_MAX_MS: idle,
    },
  });
  const { endpoint } = lambent;
  const target = { endpoint, agent: new Agent({ keepAlive: true }) };
  try {
    const measured = (await libraries(boto3)).map(
      (library): LibraryFigures => ({ ...library, withPack: [], without: [] }),
    );
    for (const library of measured) await prepare(endpoint, library);
    for (let round = 1; round <= options.rounds; round++) {
      for (let start = 0; start < STARTS_PER_ROUND; start++) {
        // All environments of the turn before have ended, and the reserve is full again.
        await delay(ENDED_MS);
        for (const library of measured) {
          library.withPack.push(await timeInvocation(target, withPack(library)));
          await delay(PAUSE_MS);
          library.without.push(await timeInvocation(target, without(library)));
          await delay(PAUSE_MS);
        }
      }
      for (const { label, withPack: kept, without: none } of measured)
        options.progress(
          `round ${round}: ${label}: ${median(kept).toFixed(1)} ms, without that ${median(none).toFixed(1)} ms`,
        );
    }
    return measured;
  } finally {
    target.agent.destroy();
    await lambent.stop();
  }
}

/** A sentence for each. */
export const libraryNotes = (figures: readonly LibraryFigures[]): string[] =>
  figures.map(
    ({ label, withPack: kept, without: none }) =>
      `${label}: first invocation from the reserve ${median(kept).toFixed(1)} ms (p99 ${percentile(kept, 0.99).toFixed(1)}), × ${(median(kept) / median(none)).toFixed(2)} of the ${median(none).toFixed(1)} ms without what an earlier environment had told and compiled, by turns`,
  );

export const libraryJson = (figures: readonly LibraryFigures[]): Record<string, Record<string, number>> =>
  Object.fromEntries(
    figures.map(({ key, withPack: kept, without: none }) => [
      key,
      {
        p50_ms: rounded(median(kept)),
        p99_ms: rounded(percentile(kept, 0.99)),
        without_earlier_environment_p50_ms: rounded(median(none)),
        ratio_to_without: rounded(median(kept) / median(none)),
      },
    ]),
  );
