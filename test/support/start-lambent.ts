import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import type { Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

const PROGRAM = fileURLToPath(new URL("../../bin/lambent.js", import.meta.url));
const START_LIMIT_MS = 150_000;

export interface RunningLambent {
  readonly endpoint: string;
  readonly dataDirectory: string;
  readonly process: ChildProcess;
  /** What it printed on standard output before it was ready. */
  readonly banner: readonly string[];
  /** SIGTERM, waits for the exit, removes the data directory unless it was given; resolves with the exit code. */
  stop(): Promise<number | null>;
  /** SIGKILL, waits for the exit; the data directory stays. */
  kill(): Promise<void>;
}

export interface StartOptions {
  readonly dataDirectory?: string;
  readonly arguments?: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
}

/** Starts the real program on a free port, as a user would, and waits until it says that it is ready. */
export async function startLambent(options: StartOptions = {}): Promise<RunningLambent> {
  const dataDirectory = options.dataDirectory ?? (await mkdtemp(join(tmpdir(), "lambent-test-")));
  const child = spawn(
    process.execPath,
    [PROGRAM, "start", "--port", "0", "--data-dir", dataDirectory, ...(options.arguments ?? [])],
    { stdio: ["ignore", "pipe", "inherit"], env: { ...process.env, ...options.environment } },
  );
  const exited = once(child, "exit") as Promise<[number | null, string | null]>;
  // A test that fails before it stops its Lambent must not hang, nor leave it running.
  const killAtExit = (): boolean => child.kill("SIGKILL");
  process.once("exit", killAtExit);
  void exited.then(() => process.off("exit", killAtExit));
  const { endpoint, banner } = await untilReady(child, exited);
  child.unref();
  (child.stdout as Socket | null)?.unref();
  return {
    endpoint,
    dataDirectory,
    process: child,
    banner,
    async stop() {
      child.ref();
      child.kill("SIGTERM");
      const [code] = await exited;
      if (options.dataDirectory === undefined) await rm(dataDirectory, { recursive: true, force: true });
      return code;
    },
    async kill() {
      child.ref();
      child.kill("SIGKILL");
      await exited;
    },
  };
}

async function untilReady(
  child: ChildProcess,
  exited: Promise<[number | null, string | null]>,
): Promise<{ endpoint: string; banner: string[] }> {
  if (child.stdout === null) throw new Error("no standard output");
  const banner: string[] = [];
  const ready = new Promise<string>((resolve) => {
    createInterface({ input: child.stdout as NonNullable<typeof child.stdout> }).on("line", (line) => {
      banner.push(line);
      const endpoint = /^ready (http:\/\/\S+)$/.exec(line)?.[1];
      if (endpoint !== undefined) resolve(endpoint);
    });
  });
  const failed = exited.then(([code]) => {
    throw new Error(`Lambent ended with ${code} before it was ready:\n${banner.join("\n")}`);
  });
  failed.catch(() => undefined);
  const late = new Promise<never>((_, reject) => {
    setTimeout(() => reject(new Error(`not ready in time:\n${banner.join("\n")}`)), START_LIMIT_MS).unref();
  });
  return { endpoint: await Promise.race([ready, failed, late]), banner };
}
