import { spawn } from "node:child_process";
import { once } from "node:events";

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
