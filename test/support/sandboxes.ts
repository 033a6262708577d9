import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { chmod, mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import type { TestContext } from "node:test";
import { systemClock } from "../../src/adapters/clock-system/clock-system.ts";
import { openBubblewrapDriver } from "../../src/adapters/sandbox-bubblewrap/open-bubblewrap-driver.ts";
import { isInPrivateMountNamespace } from "../../src/adapters/sandbox-bubblewrap/private-mount-namespace.ts";
import type { Sandbox, SandboxDriver, SandboxExit, SandboxProgram } from "../../src/ports/sandbox.ts";
import { skipUnless } from "./skip.ts";

const FIXTURES = join(import.meta.dirname, "../security/fixtures");
const NODE_DIRECTORY = dirname(process.execPath);

/** Runs /var/task/attempt.mjs. */
export const ATTACK_PROGRAM: SandboxProgram = {
  command: ["/var/lang/bin/node", "/var/runtime/attack.mjs"],
  mounts: [
    { hostPath: NODE_DIRECTORY, sandboxPath: "/var/lang/bin" },
    { hostPath: FIXTURES, sandboxPath: "/var/runtime" },
  ],
};

/** The prelude of every attempt: how to try something and tell what happened. */
const PRELUDE = `
import * as fs from "node:fs";
import * as net from "node:net";
import { execFileSync, spawn, spawnSync } from "node:child_process";
const attempt = (action) => { try { return { got: action() }; } catch (error) { return { refused: error.code ?? String(error) }; } };
const python = (source) => { const run = spawnSync("/usr/bin/python3", ["-c", source], { encoding: "utf8" }); if (run.error) throw run.error; return run.stdout.trim() + run.stderr.trim(); };
const connect = (options) => new Promise((resolve) => {
  const socket = net.connect(options);
  socket.setTimeout(1500, () => { socket.destroy(); resolve("timeout"); });
  socket.on("connect", () => { socket.destroy(); resolve("connected"); });
  socket.on("error", (error) => resolve(error.code));
});
export default async () => {
`;

export interface TestSandboxes {
  readonly driver: SandboxDriver;
  readonly dataDirectory: string;
  /** Starts a sandbox whose program is the body of an async function, with `fs`, `net`, `attempt`, `python`, `connect`. */
  start(body: string, options?: Partial<SandboxOptions>): Promise<RunningAttempt>;
  /** Starts one, waits for its end and destroys it. */
  run<Outcome>(body: string, options?: Partial<SandboxOptions>): Promise<FinishedAttempt<Outcome>>;
}

export interface SandboxOptions {
  readonly memoryMb: number;
  readonly ephemeralStorageMb: number;
  readonly environmentVariables: Readonly<Record<string, string>>;
  readonly program: SandboxProgram;
}

export interface RunningAttempt {
  readonly sandbox: Sandbox;
  readonly codeDirectory: string;
  readonly output: { text: string };
}

export interface FinishedAttempt<Outcome> {
  readonly outcome: Outcome;
  readonly exit: SandboxExit;
  readonly memoryPeakBytes: number | undefined;
}

/** Whether sandboxes can be made with everything that root has; otherwise the test is skipped loudly. */
export function canIsolate(t: TestContext): boolean {
  return skipUnless(
    t,
    process.platform === "linux" && existsSync("/usr/bin/bwrap") && isInPrivateMountNamespace(),
    "isolation as root cannot be had here",
    "run it as root on Linux, with bubblewrap installed (apt-get install bubblewrap)",
  );
}

/** A driver with a data directory of its own; both are gone after the test. */
export async function openSandboxes(
  t: TestContext,
  network: "none" | "internet" | "all" = "none",
  {
    forkingFailed = (error: unknown): void => t.diagnostic(`not forked: ${String(error)}`),
    compiler,
  }: {
    readonly forkingFailed?: (error: unknown) => void;
    /** Null: without the helper. */
    readonly compiler?: null;
  } = {},
): Promise<TestSandboxes> {
  const dataDirectory = await mkdtemp(join(tmpdir(), "lambent-sandbox-test-"));
  const codeStore = join(dataDirectory, "code");
  await mkdir(codeStore);
  const driver = await openBubblewrapDriver({
    dataDirectory,
    sharedDirectories: [codeStore],
    clock: systemClock,
    network,
    forkingFailed,
    ...(compiler === null && { compiler }),
  });
  t.after(async () => {
    await driver.close();
    await rm(dataDirectory, { recursive: true, force: true });
  });
  let started = 0;

  const start: TestSandboxes["start"] = async (body, options = {}) => {
    const id = String(++started).padStart(32, "0");
    const codeDirectory = join(codeStore, id);
    await mkdir(codeDirectory);
    await writeFile(join(codeDirectory, "attempt.mjs"), `${PRELUDE}${body}\n};\n`);
    await chmod(codeDirectory, 0o755);
    const sandbox = await driver.create({
      id,
      program: ATTACK_PROGRAM,
      codeDirectory,
      environmentVariables: {},
      memoryMb: 256,
      ephemeralStorageMb: 512,
      ...options,
    });
    const output = { text: "" };
    for (const stream of [sandbox.stdout, sandbox.stderr])
      stream?.on("data", (chunk) => {
        output.text += String(chunk);
      });
    return { sandbox, codeDirectory, output };
  };

  return {
    driver,
    dataDirectory,
    start,
    async run<Outcome>(body: string, options: Partial<SandboxOptions> = {}) {
      const { sandbox, output } = await start(body, options);
      const ended = new Promise((resolve) => sandbox.stdout.once("end", resolve));
      const exit = await sandbox.exited;
      const memoryPeakBytes = sandbox.memoryPeakBytes();
      await Promise.all([sandbox.destroy(), ended]);
      const report = /^OUTCOME (.*)$/m.exec(output.text)?.[1];
      assert.ok(report !== undefined || exit.code !== 0, `no outcome: ${output.text}`);
      return {
        outcome: report === undefined ? (output.text as Outcome) : JSON.parse(report),
        exit,
        memoryPeakBytes,
      };
    },
  };
}
