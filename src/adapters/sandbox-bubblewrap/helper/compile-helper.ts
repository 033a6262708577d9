import { createHash } from "node:crypto";
import { chmod, mkdir, mkdtemp, rename, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { runCommand } from "../run-command.ts";
import { HELPER_SOURCE } from "./helper-source.ts";

/**
 * Makes the helper with this machine's C compiler, once: it is kept in `cacheDirectory`, named by its source, so that
 * another version of Lambent does not run it. Resolves with its path; rejects when the compiler fails.
 */
export async function compiledHelper(compiler: string, cacheDirectory: string): Promise<string> {
  const hash = createHash("sha256").update(HELPER_SOURCE).digest("hex").slice(0, 16);
  const helper = join(cacheDirectory, `sandbox-helper-${hash}`);
  if (await stat(helper).catch(() => undefined)) return helper;
  await mkdir(cacheDirectory, { recursive: true, mode: 0o700 });
  const directory = await mkdtemp(join(cacheDirectory, "compiling-"));
  try {
    const [source, product] = [join(directory, "helper.c"), join(directory, "helper")];
    await writeFile(source, HELPER_SOURCE);
    await runCommand(compiler, "-O2", "-o", product, source);
    await chmod(product, 0o700);
    await rename(product, helper);
    return helper;
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}
