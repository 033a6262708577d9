import { randomUUID } from "node:crypto";
import { type FileHandle, open, rename, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import { errorCode } from "./failures.ts";

/**
 * Creates an empty file that only its owner may read, unless it exists. An existing one is not opened: closing it
 * would drop the locks that SQLite holds on it in this process.
 */
export async function createPrivateFile(file: string): Promise<void> {
  try {
    const handle = await open(file, "wx", 0o600);
    await handle.close();
    await syncDirectory(dirname(file));
  } catch (error) {
    if (errorCode(error) !== "EEXIST") {
      throw error;
    }
  }
}

/** What has been created, renamed or removed in a directory is on disk when this resolves. */
export async function syncDirectory(directory: string): Promise<void> {
  const handle = await open(directory, "r");
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/**
 * Writes a file that is seen whole and durable, or not at all: under another name first, then renamed. `write` gets
 * the open file; `temporaryDirectory` is on the same file system, by default the file's own directory.
 */
export async function writeDurably<Result>(
  file: string,
  write: (handle: FileHandle) => Promise<Result>,
  temporaryDirectory = dirname(file),
): Promise<Result> {
  const temporary = join(temporaryDirectory, `.${randomUUID()}.partial`);
  const handle = await open(temporary, "wx", 0o600);
  try {
    let result: Result;
    try {
      result = await write(handle);
      await handle.sync();
    } finally {
      await handle.close();
    }
    await rename(temporary, file);
    await syncDirectory(dirname(file));
    return result;
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
}
