import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { createInterface } from "node:readline";

const APT_GET = "/usr/bin/apt-get";
const INSTALL = ["install", "--yes", "--no-install-recommends", "bubblewrap"];

/** The command that installs bubblewrap, by the package manager that is there. */
const INSTALL_COMMANDS: Readonly<Record<string, string>> = {
  [APT_GET]: "apt-get install bubblewrap",
  "/usr/bin/dnf": "dnf install bubblewrap",
  "/usr/bin/yum": "yum install bubblewrap",
  "/usr/bin/zypper": "zypper install bubblewrap",
  "/usr/bin/pacman": "pacman -S bubblewrap",
  "/sbin/apk": "apk add bubblewrap",
};

/** For somebody to run; undefined where no known package manager is. */
export function bubblewrapInstallCommand(isRoot: boolean): string | undefined {
  const command = Object.entries(INSTALL_COMMANDS).find(([manager]) => existsSync(manager))?.[1];
  return command === undefined || isRoot ? command : `sudo ${command}`;
}

/** Whether `installBubblewrap` could do it: Debian's package manager, and root. */
export function canInstallBubblewrap(): boolean {
  return process.getuid?.() === 0 && existsSync(APT_GET);
}

/** Installs bubblewrap with apt-get, showing what it does. Returns whether it succeeded. */
export async function installBubblewrap(announce: (line: string) => void): Promise<boolean> {
  announce("bubblewrap, which isolates functions, is missing: installing it (--no-install refuses)");
  if (await run(INSTALL, announce)) return true;
  // The list of packages may be missing, as in fresh container images, or too old.
  return (await run(["update"], announce)) && (await run(INSTALL, announce));
}

async function run(parameters: readonly string[], announce: (line: string) => void): Promise<boolean> {
  announce(`  apt-get ${parameters.join(" ")}`);
  const child = spawn(APT_GET, ["-q", ...parameters], {
    stdio: ["ignore", "pipe", "pipe"],
    env: { ...process.env, DEBIAN_FRONTEND: "noninteractive" },
  });
  for (const stream of [child.stdout, child.stderr])
    createInterface({ input: stream }).on("line", (line) => {
      // dpkg counts its database in twenty lines.
      if (!line.startsWith("(Reading database")) announce(`  ${line}`);
    });
  return new Promise((resolve) => {
    child.once("error", () => resolve(false));
    child.once("close", (code) => resolve(code === 0));
  });
}
