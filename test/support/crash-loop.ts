import { chmod, mkdir, mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { deploy, lambdaClient } from "./deploy.ts";
import { type RunningLambent, startLambent } from "./start-lambent.ts";

const ACCESS_POINT = "arn:aws:elasticfilesystem:us-east-1:000000000000:access-point/fsap-0123456789abcdef0";
const FUNCTION_NAME = "crash-loop";
const AUTHORIZATION =
  "AWS4-HMAC-SHA256 Credential=any/20260101/us-east-1/lambda/aws4_request, SignedHeaders=host, Signature=0";
/** Appends the event's name to a file of its environment's own, which is on the host: no crash takes that back. */
const HANDLER = `
const { openSync, writeSync } = require("node:fs");
const file = openSync(process.env.RUNS + "/" + process.pid + "-" + Math.random().toString(36).slice(2), "a", 0o644);
exports.handler = async ({ name }) => { writeSync(file, name + "\\n"); };
`;
/** Events that nobody executes for so long are lost. */
const PATIENCE_MS = 15_000;

export interface CrashLoop {
  readonly kills: number;
  /** Events answered with 202. */
  readonly acknowledged: number;
  /** Of these, the ones never executed. */
  readonly lost: number;
  /** Executions beyond one for each. */
  readonly duplicates: number;
}

export interface CrashLoopOptions {
  readonly kills: number;
  /** How long events are sent before each kill. */
  readonly loadMs: number;
  /** Callers that send one event after the other. */
  readonly senders: number;
  /** How long a caller waits between two events. */
  readonly pauseMs: number;
  readonly progress?: (line: string) => void;
}

/**
 * Sends events to a function while Lambent is killed with SIGKILL and started again on the same data; then counts what
 * was acknowledged and what was executed.
 */
export async function crashLoop(options: CrashLoopOptions): Promise<CrashLoop> {
  const directory = await mkdtemp(join(tmpdir(), "lambent-crash-loop-"));
  const runs = join(directory, "runs");
  await mkdir(runs);
  await chmod(directory, 0o755);
  await chmod(runs, 0o777);
  const start = (): Promise<RunningLambent> =>
    startLambent({
      dataDirectory: join(directory, "data"),
      environment: {
        LAMBENT_FILE_SYSTEMS: JSON.stringify({ [ACCESS_POINT]: runs }),
        LAMBENT_ACCOUNT_CONCURRENCY: "100000",
        LAMBENT_LOG_LEVEL: "silent",
      },
    });
  let lambent = await start();
  try {
    await deployRecorder(lambent, runs);
    const load = new Load(options);
    for (let kill = 1; kill <= options.kills; kill++) {
      load.begin(lambent.endpoint);
      await sleep(options.loadMs);
      await lambent.kill();
      await load.end();
      lambent = await start();
      options.progress?.(`kill ${kill}: ${load.acknowledged.size} acknowledged`);
    }
    const counted = await count(runs, load.acknowledged);
    return { kills: options.kills, acknowledged: load.acknowledged.size, ...counted };
  } finally {
    await lambent.stop();
    await rm(directory, { recursive: true, force: true });
  }
}

/** Where functions are plain processes they see the host's directory itself. */
async function deployRecorder({ endpoint }: RunningLambent, runs: string): Promise<void> {
  const { isolation } = (await (await fetch(`${endpoint}/health`)).json()) as {
    isolation: { isolates: boolean };
  };
  const lambda = lambdaClient(endpoint);
  await deploy(
    lambda,
    FUNCTION_NAME,
    { "index.js": HANDLER },
    isolation.isolates
      ? {
          FileSystemConfigs: [{ Arn: ACCESS_POINT, LocalMountPath: "/mnt/runs" }],
          Environment: { Variables: { RUNS: "/mnt/runs" } },
        }
      : { Environment: { Variables: { RUNS: runs } } },
  );
  lambda.destroy();
}

/** Callers that send events with names of their own, and remember which ones were acknowledged. */
class Load {
  readonly acknowledged = new Set<string>();
  readonly #options: CrashLoopOptions;
  #next = 1;
  #isOn = false;
  #senders: Promise<void>[] = [];

  constructor(options: CrashLoopOptions) {
    this.#options = options;
  }

  begin(endpoint: string): void {
    this.#isOn = true;
    this.#senders = Array.from({ length: this.#options.senders }, () => this.#send(endpoint));
  }

  async end(): Promise<void> {
    this.#isOn = false;
    await Promise.all(this.#senders);
  }

  async #send(endpoint: string): Promise<void> {
    while (this.#isOn) {
      const name = `event-${this.#next++}`;
      try {
        const answer = await fetch(`${endpoint}/2015-03-31/functions/${FUNCTION_NAME}/invocations`, {
          method: "POST",
          headers: { authorization: AUTHORIZATION, "x-amz-invocation-type": "Event" },
          body: JSON.stringify({ name }),
        });
        await answer.arrayBuffer();
        if (answer.status === 202) this.acknowledged.add(name);
      } catch {
        // The connection broke: whether the event was taken is not known, and it was not promised.
        return;
      }
      await sleep(this.#options.pauseMs);
    }
  }
}

/** Waits until every acknowledged event was executed, or nothing more happens. */
async function count(
  runs: string,
  acknowledged: ReadonlySet<string>,
): Promise<{ lost: number; duplicates: number }> {
  let executed = 0;
  let changedMs = Date.now();
  for (;;) {
    const seen = await executions(runs);
    const total = seen.values().reduce((sum, times) => sum + times, 0);
    const missing = [...acknowledged].filter((name) => !seen.has(name)).length;
    if (total !== executed) changedMs = Date.now();
    executed = total;
    if (missing === 0 || Date.now() - changedMs > PATIENCE_MS) {
      const duplicates = [...acknowledged].reduce(
        (sum, name) => sum + Math.max(0, (seen.get(name) ?? 0) - 1),
        0,
      );
      return { lost: missing, duplicates };
    }
    await sleep(100);
  }
}

async function executions(runs: string): Promise<Map<string, number>> {
  const seen = new Map<string, number>();
  for (const file of await readdir(runs))
    for (const name of (await readFile(join(runs, file), "utf8")).split("\n"))
      if (name !== "") seen.set(name, (seen.get(name) ?? 0) + 1);
  return seen;
}
