import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, mkdtemp, rename, rm } from "node:fs/promises";
import { basename, join } from "node:path";

/** What the command prints goes where Lambent's own output goes. */
export async function runInstallCommand(command: string): Promise<boolean> {
  const env: NodeJS.ProcessEnv = { DEBIAN_FRONTEND: "noninteractive", ...process.env };
  // Variables of an npm that Lambent is run by would make an npm below it work on another project.
  for (const name of Object.keys(env))
    if (/^npm_(package|lifecycle)_|^npm_config_local_prefix$/.test(name)) delete env[name];
  const child = spawn("/bin/sh", ["-c", command], { env, stdio: ["ignore", "inherit", "inherit"] });
  const [code] = (await once(child, "exit")) as [number | null];
  return code === 0;
}

/** For a shell. */
export const quoted = (path: string): string => `'${path.replaceAll("'", "'\\''")}'`;

/**
 * Fills a new directory, which is hidden from every search until it is whole. Returns where it is then; undefined, with
 * nothing left behind, when `fill` says that it did not come to that.
 */
export async function installIntoNewDirectory(
  installedDirectory: string,
  identifier: string,
  fill: (directory: string) => Promise<boolean>,
): Promise<string | undefined> {
  await mkdir(installedDirectory, { recursive: true });
  const unfinished = await mkdtemp(join(installedDirectory, `.${identifier}-`));
  try {
    if (!(await fill(unfinished))) return undefined;
    const directory = join(installedDirectory, basename(unfinished).slice(1));
    await rename(unfinished, directory);
    return directory;
  } finally {
    await rm(unfinished, { recursive: true, force: true });
  }
}
