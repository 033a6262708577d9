import { execFile } from "node:child_process";
import type { TestContext } from "node:test";
import { promisify } from "node:util";
import { skipUnless } from "./skip.ts";

const run = promisify(execFile);
const python = process.env["LAMBENT_TEST_PYTHON"] ?? "python3";
const OUTPUT_BYTES_MAX = 64 * 1024 * 1024;

export interface Boto3Run {
  readonly endpoint: string;
  readonly parameters?: readonly string[];
  readonly variables?: Readonly<Record<string, string | undefined>>;
}

/** Whether this machine has boto3; the test is skipped, loudly, where it has not. */
export async function hasBoto3(t: TestContext): Promise<boolean> {
  const found = await run(python, ["-c", "import boto3"]).then(
    () => true,
    () => false,
  );
  return skipUnless(t, found, "boto3 is not installed", "pip install boto3");
}

/** Runs a script that finds its endpoint and credentials as every AWS client does; resolves with what it printed. */
export async function runBoto3(
  script: string,
  { endpoint, parameters = [], variables = {} }: Boto3Run,
): Promise<string> {
  const { stdout } = await run(python, [script, ...parameters], {
    env: {
      ...process.env,
      AWS_ENDPOINT_URL: endpoint,
      AWS_ACCESS_KEY_ID: "any",
      AWS_SECRET_ACCESS_KEY: "any",
      AWS_DEFAULT_REGION: "us-east-1",
      ...variables,
    },
    maxBuffer: OUTPUT_BYTES_MAX,
    timeout: 100_000,
  });
  return stdout;
}
