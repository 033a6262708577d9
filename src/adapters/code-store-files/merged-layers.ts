import { createHash, randomBytes } from "node:crypto";
import { existsSync } from "node:fs";
import {
  chmod,
  link,
  mkdir,
  readdir,
  readFile,
  readlink,
  rename,
  rm,
  stat,
  symlink,
  writeFile,
} from "node:fs/promises";
import { join } from "node:path";

const PREFIX = "layers-";
const TREE = "code";
const MEMBERS = "members.json";

/** The directory of one list of layers, in their order. */
export function mergedDirectory(directory: string, codeHashes: readonly string[]): string {
  const name = createHash("sha256").update(codeHashes.join("\n")).digest("hex");
  return join(directory, PREFIX + name, TREE);
}

/**
 * Puts the trees of several layers over one another, later ones winning, below `directory`. Files are hard links to
 * those of the layers. The result appears whole, by renaming; `temporary` is a name that is cleared away after a crash.
 */
export async function mergeLayers(
  directory: string,
  temporaryPrefix: string,
  layers: readonly { readonly codeHash: string; readonly tree: string }[],
): Promise<string> {
  const hashes = layers.map(({ codeHash }) => codeHash);
  const target = mergedDirectory(directory, hashes);
  if (existsSync(target)) return target;
  const temporary = join(directory, `${temporaryPrefix}${randomBytes(8).toString("hex")}`);
  try {
    await mkdir(join(temporary, TREE), { recursive: true });
    for (const path of [temporary, join(temporary, TREE)]) await chmod(path, 0o755);
    for (const { tree } of layers) await putOver(tree, join(temporary, TREE));
    await writeFile(join(temporary, MEMBERS), JSON.stringify(hashes));
    await rename(temporary, join(target, ".."));
  } catch (error) {
    await rm(temporary, { recursive: true, force: true });
    // Somebody else has merged the same layers meanwhile.
    if (!existsSync(target)) throw error;
  }
  return target;
}

/** Removes every merge that the package is part of. */
export async function removeMergesOf(directory: string, codeHash: string): Promise<void> {
  for (const name of await readdir(directory)) {
    if (!name.startsWith(PREFIX)) continue;
    const members = await readFile(join(directory, name, MEMBERS), "utf8").catch(() => "[]");
    if ((JSON.parse(members) as string[]).includes(codeHash))
      await rm(join(directory, name), { recursive: true, force: true });
  }
}

async function putOver(source: string, target: string): Promise<void> {
  for (const entry of await readdir(source, { withFileTypes: true })) {
    const [from, to] = [join(source, entry.name), join(target, entry.name)];
    if (entry.isDirectory()) {
      const there = await stat(to).catch(() => undefined);
      if (there?.isDirectory() !== true) await rm(to, { force: true });
      await mkdir(to, { recursive: true });
      await chmod(to, (await stat(from)).mode & 0o777);
      await putOver(from, to);
    } else {
      await rm(to, { recursive: true, force: true });
      if (entry.isSymbolicLink()) await symlink(await readlink(from), to);
      else await link(from, to);
    }
  }
}
