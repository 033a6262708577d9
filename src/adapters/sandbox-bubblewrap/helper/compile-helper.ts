import { createHash } from "node:crypto";
import { chmod, mkdir, mkdtemp, readdir, rename, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { runCommand } from "../run-command.ts";
import { HELPER_SOURCE } from "./helper-source.ts";
import { INIT_SOURCE } from "./init-source.ts";

/** The beginning of the names of directories that are removed when the compiler is done. */
const COMPILING = "compiling-";

/** Paths of what was compiled. */
export interface HelperPrograms {
  readonly helper: string;
  /** The first process of the sandboxes that the helper builds. */
  readonly init: string;
}

/**
 * Makes the helper and its init program with this machine's C compiler, once: they are kept in `cacheDirectory`, named by
 * their sources, so that another version of Lambent does not run them. Rejects when the compiler fails.
 */
export async function compiledHelper(compiler: string, cacheDirectory: string): Promise<HelperPrograms> {
  const compile = (name: string, source: string): Promise<string> =>
    compiled(compiler, { name, source, cacheDirectory });
  await removeHalfCompiled(cacheDirectory);
  const [helper, init] = await Promise.all([
    compile("sandbox-helper", HELPER_SOURCE),
    compile("sandbox-init", INIT_SOURCE),
  ]);
  return { helper, init };
}

/** Removes what was being compiled when somebody ended who kept his programs in `cacheDirectory`. */
export async function removeHalfCompiled(cacheDirectory: string): Promise<void> {
  const names = await readdir(cacheDirectory).catch(() => []);
  for (const name of names.filter((candidate) => candidate.startsWith(COMPILING)))
    await rm(join(cacheDirectory, name), { recursive: true, force: true });
}

async function compiled(
  compiler: string,
  {
    name,
    source,
    cacheDirectory,
  }: { readonly name: string; readonly source: string; readonly cacheDirectory: string },
): Promise<string> {
  const hash = createHash("sha256").update(source).digest("hex").slice(0, 16);
  const kept = join(cacheDirectory, `${name}-${hash}`);
  if (await stat(kept).catch(() => undefined)) return kept;
  await mkdir(cacheDirectory, { recursive: true, mode: 0o700 });
  const directory = await mkdtemp(join(cacheDirectory, COMPILING));
  try {
    const [text, product] = [join(directory, "program.c"), join(directory, "program")];
    await writeFile(text, source);
    // Without libraries to find and to link, one starts in half the time; not every machine has them to be built in.
    const outcome = runCommand(compiler, "-O2", "-static", "-o", product, text);
    await outcome.catch(() => runCommand(compiler, "-O2", "-o", product, text));
    await chmod(product, 0o700);
    await rename(product, kept);
    return kept;
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}
