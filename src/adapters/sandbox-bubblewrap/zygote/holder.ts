import { realpathSync } from "node:fs";
import { findProgram } from "../programs.ts";

/** A program that does nothing, to be a sandbox's first process while the sandbox's program is forked into it. */
export interface Holder {
  /** Orphans of the sandbox become its children; as it ignores their ends, the kernel clears them away. */
  readonly command: readonly string[];
  /** What /proc tells it runs as soon as the sandbox stands. */
  readonly executable: string;
}

/** Undefined where this machine lacks one. */
export function findHolder(): Holder | undefined {
  const [env, sleep] = [findProgram("env"), findProgram("sleep")];
  if (env === undefined || sleep === undefined) return undefined;
  return {
    command: [env, "--ignore-signal=CHLD", sleep, "infinity"],
    executable: realpathSync(sleep),
  };
}
