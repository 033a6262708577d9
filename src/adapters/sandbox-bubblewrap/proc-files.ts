import { readFileSync } from "node:fs";

/** A file of /proc or /sys; empty where there is none, as when the process has ended in the meantime. */
export function readProcFile(path: string): string {
  try {
    // In this encoding Node reads a file in one call of its own.
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}
