import { chmod, mkdir, readdir, readFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { OperatorError } from "../../core/operator-error.ts";
import type { Clock } from "../../ports/clock.ts";
import { type DirectoryLock, lockDirectory } from "./directory-lock.ts";
import { createPrivateFile, syncDirectory, writeDurably } from "./durable-file.ts";
import { errorCode, messageOf } from "./failures.ts";

/**
 * What lies in a data directory:
 *
 *     lambent.json   the version of this layout, and when the directory was made
 *     lock, pid      held by the process that uses the directory
 *     store.sqlite   keys, jobs and logs (with -wal and -shm beside it)
 *     blobs/         one file for each blob
 *
 * Other parts of Lambent have folders of their own beside these.
 */
const LAYOUT_VERSION = 1;
const VERSION_FILE = "lambent.json";

export interface DataDirectory {
  readonly databaseFile: string;
  readonly blobsDirectory: string;
  /** Lets another process have the directory. */
  release(): void;
}

/**
 * Creates the directory when absent, locks it and checks its version. Rejects with `OperatorError` when another
 * process uses it, a newer Lambent has written it, or it cannot be written.
 */
export async function openDataDirectory(path: string, clock: Clock): Promise<DataDirectory> {
  const directory = resolve(path);
  let lock: DirectoryLock | undefined;
  try {
    await makePrivate(directory);
    // Before the lock too: a newer Lambent's directory is not even touched.
    await readVersion(directory);
    const held = await lockDirectory(directory);
    lock = held;
    if ((await readVersion(directory)) === undefined) {
      await writeVersion(directory, clock);
    }
    const databaseFile = join(directory, "store.sqlite");
    const blobsDirectory = join(directory, "blobs");
    await createPrivateFile(databaseFile);
    await mkdir(blobsDirectory, { recursive: true, mode: 0o700 });
    await syncDirectory(directory);
    return { databaseFile, blobsDirectory, release: () => held.release() };
  } catch (error) {
    lock?.release();
    throw error instanceof OperatorError
      ? error
      : new OperatorError(
          `The data directory ${directory} cannot be used: ${messageOf(error)}.`,
          "Check the disk and the directory's owner, or choose another data directory with --data-dir.",
        );
  }
}

/** Only its owner may look into it. A directory that is full of other things keeps its mode. */
async function makePrivate(directory: string): Promise<void> {
  await mkdir(directory, { recursive: true, mode: 0o700 });
  const names = await readdir(directory);
  if (names.length === 0 || names.includes(VERSION_FILE)) {
    await chmod(directory, 0o700);
  }
}

async function readVersion(directory: string): Promise<number | undefined> {
  const file = join(directory, VERSION_FILE);
  let text: string;
  try {
    text = await readFile(file, "utf8");
  } catch (error) {
    if (errorCode(error) === "ENOENT") {
      return undefined;
    }
    throw error;
  }
  const version = parseVersion(text);
  if (version === undefined) {
    throw new OperatorError(
      `${file} is damaged.`,
      `Restore it from a backup, or write {"layoutVersion":${LAYOUT_VERSION}} into it.`,
    );
  }
  if (version > LAYOUT_VERSION) {
    throw new OperatorError(
      `The data directory ${directory} has layout version ${version}, and this version of Lambent knows versions up to ${LAYOUT_VERSION}.`,
      "Start the newer Lambent that wrote it, or choose another data directory with --data-dir.",
    );
  }
  return version;
}

function parseVersion(text: string): number | undefined {
  try {
    const content: unknown = JSON.parse(text);
    if (typeof content === "object" && content !== null && "layoutVersion" in content) {
      return Number.isSafeInteger(content.layoutVersion) ? Number(content.layoutVersion) : undefined;
    }
  } catch {
    // Not JSON: the same as JSON without a version.
  }
  return undefined;
}

async function writeVersion(directory: string, clock: Clock): Promise<void> {
  const content = { layoutVersion: LAYOUT_VERSION, createdAt: new Date(clock.nowMs()).toISOString() };
  await writeDurably(join(directory, VERSION_FILE), (handle) =>
    handle.writeFile(`${JSON.stringify(content, undefined, 2)}\n`),
  );
}
