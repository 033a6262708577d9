import { configurationOfThisProcess, type Flags } from "../config.ts";
import { OperatorError } from "../core/operator-error.ts";

const ANSWER_TIMEOUT_MS = 5_000;

/** `lambent health`: prints /health of a running Lambent; exit code 1 when it is unhealthy or does not answer. */
export async function health(flags: Flags): Promise<void> {
  const { host, port } = configurationOfThisProcess(flags);
  const url = `http://${host.includes(":") ? `[${host}]` : host}:${port}/health`;
  let response: Response;
  try {
    response = await fetch(url, { signal: AbortSignal.timeout(ANSWER_TIMEOUT_MS) });
  } catch {
    throw new OperatorError(
      `nothing answers at ${url}`,
      "Start Lambent with `lambent start`, or give its --port.",
    );
  }
  process.stdout.write(await response.text());
  if (!response.ok) process.exitCode = 1;
}
