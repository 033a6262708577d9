import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdir, mkdtemp, rename, rm } from "node:fs/promises";
import { homedir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";

const INSTALL_TIMEOUT_MS = 5 * 60_000;
const OUTPUT_BYTES_MAX = 64 * 1024 * 1024;
const REASON_CHARACTERS = 300;

/** Outside the checkout, so that nobody takes it for a part of Lambent. */
export const CACHE = join(process.env.XDG_CACHE_HOME || join(homedir(), ".cache"), "lambent-bench");

/** Runs a package manager's ordinary client. Rejects with the last line it said. */
export async function run(command: readonly string[], directory: string): Promise<void> {
  const [file = "", ...parameters] = command;
  const env = { ...process.env };
  // Variables of the npm that runs the measurement would make an npm below it work on this repository.
  for (const name of Object.keys(env)) if (/^npm_(package|lifecycle)_/.test(name)) delete env[name];
  const options = { cwd: directory, env, timeout: INSTALL_TIMEOUT_MS, maxBuffer: OUTPUT_BYTES_MAX };
  await promisify(execFile)(file, parameters, options).catch((error: Error & { stderr?: string }) => {
    // Without the addresses: which mirror a machine uses is nobody's business.
    const said = (error.stderr || error.message).replaceAll(/https?:\/\/\S+/g, "").trim();
    const [last = ""] = said.split("\n").slice(-1);
    throw new Error(`${command.slice(0, 2).join(" ")}: ${last.trim().slice(-REASON_CHARACTERS)}`);
  });
}

/**
 * Installs something once per version, into the directory that `install` is given; all or nothing. The package
 * managers check what they fetch.
 */
export async function installOnce(
  label: string,
  install: (directory: string) => Promise<void>,
): Promise<string> {
  const directory = join(CACHE, label);
  if (existsSync(directory)) return directory;
  await mkdir(CACHE, { recursive: true });
  const unfinished = await mkdtemp(`${directory}-unfinished-`);
  try {
    await install(unfinished);
    await rename(unfinished, directory);
    return directory;
  } finally {
    await rm(unfinished, { recursive: true, force: true });
  }
}

/** Packages from npm, with their versions, in one directory. */
export function installFromNpm(label: string, ...packages: readonly string[]): Promise<string> {
  return installOnce(label, (directory) =>
    run(
      ["npm", "install", "--prefix", directory, "--no-audit", "--no-fund", "--ignore-scripts", ...packages],
      directory,
    ),
  );
}
