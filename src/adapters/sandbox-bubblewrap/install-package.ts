import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { createInterface } from "node:readline";

const APT_GET = "/usr/bin/apt-get";

/** What may be missing, by the name that its package has everywhere, and what it is for. */
const PURPOSES = {
  bubblewrap: "isolates functions",
  nftables: "lets functions out into the internet only",
} as const;
export type InstallablePackage = keyof typeof PURPOSES;

/** The beginning of the command that installs a package, by the package manager that is there. */
const INSTALL_COMMANDS: Readonly<Record<string, string>> = {
  [APT_GET]: "apt-get install",
  "/usr/bin/dnf": "dnf install",
  "/usr/bin/yum": "yum install",
  "/usr/bin/zypper": "zypper install",
  "/usr/bin/pacman": "pacman -S",
  "/sbin/apk": "apk add",
};

/** For somebody to run; undefined where no known package manager is. */
export function installCommand(name: InstallablePackage, isRoot: boolean): string | undefined {
  const command = Object.entries(INSTALL_COMMANDS).find(([manager]) => existsSync(manager))?.[1];
  if (command === undefined) return undefined;
  return `${isRoot ? "" : "sudo "}${command} ${name}`;
}

/** Whether `installPackage` could do it: Debian's package manager, and root. */
export function canInstallPackages(): boolean {
  return process.getuid?.() === 0 && existsSync(APT_GET);
}

/** Installs a package with apt-get, showing what it does. Returns whether it succeeded. */
export async function installPackage(
  name: InstallablePackage,
  announce: (line: string) => void,
): Promise<boolean> {
  announce(`${name}, which ${PURPOSES[name]}, is missing: installing it (--no-install refuses)`);
  const install = ["install", "--yes", "--no-install-recommends", name];
  if (await run(install, announce)) return true;
  // The list of packages may be missing, as in fresh container images, or too old.
  return (await run(["update"], announce)) && (await run(install, announce));
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
