import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { delimiter, dirname, join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import type { RunningPeer } from "./peer.ts";

const START_LIMIT_MS = 60_000;
const POLL_MS = 200;
const STOP_LIMIT_MS = 5_000;

export interface PeerProgram {
  readonly command: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
  readonly url: string;
  /** Called until it succeeds: deploys the function where a peer needs that. */
  readonly deploy?: () => Promise<void>;
}

/** Starts a peer in an empty directory, which `prepare` fills, and waits until its function says hello. */
export async function runPeer(prepare: (directory: string) => Promise<PeerProgram>): Promise<RunningPeer> {
  const directory = await mkdtemp(join(tmpdir(), "lambent-peer-"));
  const remove = (): Promise<void> => rm(directory, { recursive: true, force: true });
  const program = await prepare(directory).catch(async (error: unknown) => {
    await remove();
    throw error;
  });
  const [file = "", ...parameters] = program.command;
  // All peers run functions with the Node that runs this.
  const path = `${dirname(process.execPath)}${delimiter}${process.env.PATH ?? ""}`;
  const child = spawn(file, parameters, {
    cwd: directory,
    env: { ...process.env, PATH: path, ...program.environment },
    stdio: "ignore",
    detached: true,
  });
  let failure = "";
  child.once("error", (error) => {
    failure = error.message;
  });
  const exited = once(child, "exit").catch(() => undefined);
  const killGroup = (signal: NodeJS.Signals): void => {
    try {
      if (child.pid !== undefined) process.kill(-child.pid, signal);
    } catch {
      // It has ended.
    }
  };
  const killAtExit = (): void => killGroup("SIGKILL");
  process.once("exit", killAtExit);
  const stop = async (): Promise<void> => {
    killGroup("SIGTERM");
    await Promise.race([exited, delay(STOP_LIMIT_MS, undefined, { ref: false })]);
    killGroup("SIGKILL");
    process.off("exit", killAtExit);
    await remove();
  };
  const deadlineMs = performance.now() + START_LIMIT_MS;
  let last = "";
  while (performance.now() < deadlineMs && child.exitCode === null && failure === "") {
    await delay(POLL_MS);
    try {
      await program.deploy?.();
      const answer = await fetch(program.url, { method: "POST", body: '{"name":"bench"}' });
      last = `${answer.status} ${await answer.text()}`;
      if (last === '200 "hello"') return { url: program.url, stop };
    } catch (error) {
      last = String(error);
    }
  }
  await stop();
  const ended = child.exitCode === null ? "" : `ended with ${child.exitCode}, `;
  throw new Error(failure || `${ended}did not say hello: ${last.slice(0, 200)}`);
}
