import { createHash } from "node:crypto";
import { readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";

/** In each pack: the digest of all its other files. */
export const DIGEST_FILE = "digest";
/** A sandbox's user reads it. */
export const DIRECTORY_MODE = 0o755;
/** In the name of one that is being made, maybe by another process of this Lambent. */
export const UNFINISHED = ".unfinished-";
export const UNFINISHED_MAX_MS = 60_000;

/** Writes down what is in a directory, for `isWhole`. */
export async function seal(directory: string): Promise<void> {
  await writeFile(join(directory, DIGEST_FILE), await digestOf(directory));
}

/** Whether all is there that was when it was sealed, and as it was. Does not reject. */
export async function isWhole(directory: string): Promise<boolean> {
  try {
    const said = await readFile(join(directory, DIGEST_FILE), "latin1");
    return said === (await digestOf(directory));
  } catch {
    return false;
  }
}

/** Of the names and contents of the files in a directory, but for the digest itself. */
export async function digestOf(directory: string): Promise<string> {
  const entries = await readdir(directory, { withFileTypes: true });
  const names = entries
    .filter((entry) => entry.isFile() && entry.name !== DIGEST_FILE)
    .map(({ name }) => name);
  const hash = createHash("sha256");
  for (const name of names.sort()) {
    const content = await readFile(join(directory, name));
    hash.update(`${name}\0${content.length}\0`).update(content);
  }
  return hash.digest("hex");
}
