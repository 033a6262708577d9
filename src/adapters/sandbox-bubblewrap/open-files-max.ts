import { readProcFile } from "./proc-files.ts";

const UNLIMITED = 1_048_576;

/** How many descriptors this process may have; Node has raised its own limit as far as it may by then. */
export function openFilesMax(): number {
  const soft = /^Max open files +(\d+)/m.exec(readProcFile("/proc/self/limits"))?.[1];
  return soft === undefined ? UNLIMITED : Number(soft);
}
