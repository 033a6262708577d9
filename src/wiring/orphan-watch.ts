import { spawn } from "node:child_process";

/**
 * Ends the process `$1`, `$2` seconds after whoever started this shell has ended, for whatever reason: then the pipe that it
 * reads has no other end. The time of its start tells the process from another one that has got its number.
 */
const SCRIPT = `
trap "" HUP INT TERM
began() {
  read -r stat < "/proc/$1/stat" || return
  set -- \${stat##*) }
  echo "\${20}"
}
start=$(began "$1")
read -r nothing
sleep "$2"
if [ "$start" ] && [ "$(began "$1")" = "$start" ]; then kill -KILL "$1"; fi
`;

export interface OrphanWatch {
  /** Nobody watches, from now on or at all. */
  readonly failed: Promise<void>;
  end(): void;
}

/**
 * Sees to it that a child does not outlive this process by more than `withinSeconds`, even if both stand still or never
 * come to their event loops again: a process of its own, with an end of a pipe, needs nothing of either.
 */
export function watchOrphan(processId: number, withinSeconds: number): OrphanWatch {
  const shell = spawn(
    "/bin/sh",
    ["-c", SCRIPT, "lambent-orphan-watch", String(processId), String(withinSeconds)],
    {
      // A group of its own: signals of a terminal are not for it.
      detached: true,
      stdio: ["pipe", "ignore", "ignore"],
      env: { PATH: process.env.PATH },
    },
  );
  const { promise: failed, resolve } = Promise.withResolvers<void>();
  let isEnded = false;
  const ended = (): void => {
    if (!isEnded) resolve();
  };
  shell.once("error", ended);
  shell.once("exit", ended);
  shell.stdin.on("error", () => undefined);
  return {
    failed,
    end() {
      isEnded = true;
      shell.kill("SIGKILL");
    },
  };
}
