import { execFile } from "node:child_process";
import { promisify } from "node:util";

/** Nothing of Lambent's own environment: options meant for it would change or slow down what is run. */
const ENVIRONMENT = { PATH: "/usr/local/bin:/usr/bin:/bin" };

/** Runs an interpreter to its end and resolves with what it prints; rejects when it fails or takes longer. */
export async function runInterpreter(
  executable: string,
  parameters: readonly string[],
  {
    timeoutMs,
    directory,
    environmentVariables,
    signal,
  }: {
    readonly timeoutMs: number;
    readonly directory?: string;
    readonly environmentVariables?: Readonly<Record<string, string>>;
    readonly signal?: AbortSignal;
  },
): Promise<string> {
  const { stdout } = await promisify(execFile)(executable, [...parameters], {
    env: { ...ENVIRONMENT, ...environmentVariables },
    cwd: directory,
    timeout: timeoutMs,
    killSignal: "SIGKILL",
    signal,
  });
  return stdout;
}
