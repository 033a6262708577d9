import type { LambdaClient } from "@aws-sdk/client-lambda";
import { lambdaClient } from "../../test/support/deploy.ts";
import { type RunningLambent, startLambent } from "../../test/support/start-lambent.ts";

/** AWS's quota of ten requests a second for each unit of concurrency must not be what is measured. */
export const NO_QUOTA = { LAMBENT_ACCOUNT_CONCURRENCY: "100000" };

/** A Lambent that isolates, and what a scenario needs of it. */
export interface MeasuredLambent {
  readonly lambent: RunningLambent;
  readonly lambda: LambdaClient;
  readonly isolation: string;
  /** A Python of this machine; undefined where there is none. */
  readonly python: string | undefined;
  readonly ruby: string | undefined;
  readonly java: string | undefined;
}

interface Health {
  readonly isolation: { readonly isolates: boolean; readonly summary: string };
  readonly runtimes: readonly string[];
}

/** Runs `use` with a Lambent of its own, which is stopped afterwards. Rejects where functions are not isolated. */
export async function withLambent<Result>(
  environment: Readonly<Record<string, string>>,
  use: (measured: MeasuredLambent) => Promise<Result>,
): Promise<Result> {
  const lambent = await startLambent({ environment: { ...NO_QUOTA, ...environment } });
  const lambda = lambdaClient(lambent.endpoint);
  try {
    const { isolation, runtimes } = (await (await fetch(`${lambent.endpoint}/health`)).json()) as Health;
    if (!isolation.isolates)
      throw new Error(`figures without isolation are worth nothing here: ${isolation.summary}`);
    const newest = (name: string): string | undefined =>
      runtimes.filter((runtime) => runtime.startsWith(name)).at(-1);
    return await use({
      lambent,
      lambda,
      isolation: isolation.summary,
      python: newest("python"),
      ruby: newest("ruby"),
      java: newest("java"),
    });
  } finally {
    lambda.destroy();
    await lambent.stop();
  }
}

/** The sum of one of Lambent's metrics over its labels. */
export async function metric(endpoint: string, name: string): Promise<number> {
  const text = await (await fetch(`${endpoint}/metrics`, { headers: { connection: "close" } })).text();
  const values = text
    .split("\n")
    .filter((line) => line.startsWith(`${name}{`) || line.startsWith(`${name} `));
  return values.reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(" "))), 0);
}
