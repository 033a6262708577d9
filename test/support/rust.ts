/** Programs of Rust with crates from the registry, built where they are run. */
import { execFile } from "node:child_process";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { homedir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";

/** How long a build may take; a test that needs one has to be given more. */
const BUILD_TIMEOUT_MS = 280_000;

/** Outside the checkout, so that crates are compiled once on a machine. */
export const rustCache = (name: string): string =>
  join(process.env.XDG_CACHE_HOME ?? join(homedir(), ".cache"), "lambent-tests", name);

/** Runs cargo; rejects when it fails. */
export async function cargo(
  parameters: readonly string[],
  options: { readonly cwd?: string; readonly env?: NodeJS.ProcessEnv },
): Promise<void> {
  const limits = { timeout: BUILD_TIMEOUT_MS, maxBuffer: 16 * 1024 * 1024 };
  await promisify(execFile)("cargo", parameters, { ...options, ...limits });
}

/** The executable of a program with these dependencies, or why there is none. */
export async function buildRust(
  name: string,
  dependencies: readonly string[],
  main: string,
): Promise<Buffer | string> {
  const project = rustCache(name);
  const manifest = [
    "[package]",
    'name = "program"',
    'version = "0.1.0"',
    'edition = "2021"',
    "[dependencies]",
    ...dependencies,
    // Compiled faster than it runs: nothing is measured here.
    "[profile.release]",
    "opt-level = 0",
    "strip = true",
    "",
  ].join("\n");
  try {
    await mkdir(join(project, "src"), { recursive: true });
    await writeFile(join(project, "Cargo.toml"), manifest);
    await writeFile(join(project, "src", "main.rs"), main);
    await cargo(["build", "--release", "--quiet"], { cwd: project });
    return await readFile(join(project, "target", "release", "program"));
  } catch (error) {
    return `${name} cannot be built: ${String(error).slice(-400)}`;
  }
}
