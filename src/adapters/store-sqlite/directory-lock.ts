import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { OperatorError } from "../../core/operator-error.ts";
import { createPrivateFile } from "./durable-file.ts";

/** Held by this process until `release`, or until the process ends in any way. */
export interface DirectoryLock {
  release(): void;
}

const SQLITE_BUSY = 5;

/**
 * Locks a data directory against other processes. Node has no file locks of its own, SQLite has: an open transaction
 * on a small database of its own holds one, and the kernel drops it when the process dies, so that no stale lock is
 * left behind. The file `pid` tells the operator who it is. Rejects with `OperatorError` when another one has it.
 */
export async function lockDirectory(directory: string): Promise<DirectoryLock> {
  const file = join(directory, "lock");
  const pidFile = join(directory, "pid");
  await createPrivateFile(file);
  const db = new DatabaseSync(file, { timeout: 0 });
  try {
    db.exec("begin exclusive");
    await writeFile(pidFile, `${process.pid}\n`, { mode: 0o600 });
  } catch (error) {
    db.close();
    throw isBusy(error) ? await refusal(directory, pidFile) : error;
  }
  return {
    release: () => {
      if (db.isOpen) {
        db.close();
      }
    },
  };
}

function isBusy(error: unknown): boolean {
  return (
    error instanceof Error &&
    "errcode" in error &&
    typeof error.errcode === "number" &&
    // The lowest byte is the error, what is above it says more about it.
    error.errcode % 256 === SQLITE_BUSY
  );
}

async function refusal(directory: string, pidFile: string): Promise<OperatorError> {
  const pid = (await readFile(pidFile, "utf8").catch(() => "")).trim();
  const holder = pid === "" ? "another process" : `the process with id ${pid}`;
  return new OperatorError(
    `The data directory ${directory} is in use by ${holder}.`,
    `Stop ${holder} first, or choose another data directory with --data-dir.`,
  );
}
