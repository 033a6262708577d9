import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import type { Socket } from "node:net";
import { extname } from "node:path";
import { fileURLToPath } from "node:url";
import { OperatorError } from "../../../core/operator-error.ts";
import { findProgram } from "../programs.ts";
import type { Footprint } from "./remove-leftovers.ts";

/** Twice as long as two sweeps that hang (`sweep-program.ts`). */
const OWNED_WITHIN_MS = 80_000;
const PATH = "/usr/sbin:/usr/bin:/sbin:/bin";
const OWNED = "owned\n";
const END = "end\n";

/**
 * Holds the lock `$1` until whoever started this shell has ended, for whatever reason: then the pipe that it reads has no
 * other end. Unless it was told to end before, it runs the rest of its parameters first, and again when that fails. The
 * program inherits the lock. A lock that was got when its file had been removed already is no lock.
 */
const SCRIPT = `
trap "" HUP INT TERM PIPE
umask 077
lock=$1
shift
while :; do
  exec 9>>"$lock"
  flock 9 || exit 1
  if [ "$lock" -ef "/proc/$$/fd/9" ]; then break; fi
done
echo owned
read -r word
if [ "$word" != end ]; then "$@" || "$@"; fi
rm -f "$lock"
`;

const ownFile = fileURLToPath(import.meta.url);
const SWEEP_PROGRAM = fileURLToPath(new URL(`sweep-program${extname(ownFile)}`, import.meta.url));

/** Outlives this process to remove what it has left. */
export interface LeftoverWatch {
  /** For when nothing is left. */
  end(): Promise<void>;
}

/**
 * Makes this process the owner of what bears the footprint, and has what it leaves removed when it ends without having
 * ended the watch, as after kill -9. Resolves when whoever owned it before has ended, and its leftovers are removed as far
 * as somebody watched. Undefined: nobody watches here, and the next start removes what is left.
 */
export async function watchLeftovers(footprint: Footprint): Promise<LeftoverWatch | undefined> {
  if (findProgram("flock") === undefined) return undefined;
  const sweep = [process.execPath, SWEEP_PROGRAM, JSON.stringify(footprint)];
  const child = spawn(
    "/bin/sh",
    ["-c", SCRIPT, "lambent-leftover-watch", `${footprint.workspaceDirectory}.lock`, ...sweep],
    {
      cwd: "/",
      env: { PATH },
      // A group of its own: signals of a terminal are not for it.
      detached: true,
      stdio: ["pipe", "pipe", "ignore"],
    },
  );
  const exited = Promise.race([once(child, "exit"), once(child, "error")]);
  exited.catch(() => undefined);
  child.stdin.on("error", () => undefined);
  if (!(await isOwned(child, exited))) return undefined;
  child.unref();
  for (const pipe of [child.stdin, child.stdout]) (pipe as unknown as Socket).unref();
  return {
    end: async () => {
      child.ref();
      child.stdin.end(END);
      await exited;
    },
  };
}

/** False when the shell does not work here. */
async function isOwned(child: ChildProcess, exited: Promise<unknown>): Promise<boolean> {
  const { promise: late, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => {
    child.kill("SIGKILL");
    reject(
      new OperatorError(
        "what an earlier Lambent has left for this data directory is still being removed",
        "See what keeps its processes from ending, or restart the machine.",
      ),
    );
  }, OWNED_WITHIN_MS);
  try {
    const ended = exited.then(
      () => false,
      () => false,
    );
    const said = new Promise<boolean>((resolve) => {
      child.stdout?.once("data", (text) => resolve(String(text) === OWNED));
    });
    return await Promise.race([said, ended, late]);
  } finally {
    clearTimeout(timer);
  }
}
