import { closeSync, constants, openSync, realpathSync } from "node:fs";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { findProgram } from "../programs.ts";
import { runCommand } from "../run-command.ts";

/** A program that does nothing, to be a sandbox's first process while the sandbox's program is forked into it. */
export interface Holder {
  /** Orphans of the sandbox become its children; as it ignores their ends, the kernel clears them away. */
  readonly command: readonly string[];
  /** What /proc tells it runs as soon as the sandbox stands. */
  readonly executable: string;
  /** Its standard input, from which nothing ever comes; it ends with this process, and so does the holder. */
  readonly input: number;
  close(): void;
}

/** Undefined where this machine lacks a program. */
export async function openHolder(pipesDirectory: string): Promise<Holder | undefined> {
  const [env, cat] = [findProgram("env"), findProgram("cat")];
  if (env === undefined || cat === undefined) return undefined;
  // Root's alone: what runs in a sandbox cannot open it.
  const path = join(pipesDirectory, "holders");
  await runCommand("mkfifo", "-m", "0600", path);
  try {
    // Opened for both, it waits for nobody; then there is a writer, and opening for reading does not wait either.
    const writer = openSync(path, constants.O_RDWR);
    const input = openSync(path, constants.O_RDONLY);
    return {
      command: [env, "--ignore-signal=CHLD", cat],
      executable: realpathSync(cat),
      input,
      close: () => {
        for (const descriptor of [writer, input]) closeSync(descriptor);
      },
    };
  } finally {
    await rm(path);
  }
}
