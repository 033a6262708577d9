import { existsSync } from "node:fs";
import { join } from "node:path";

const PROGRAM_DIRECTORIES = ["/usr/bin", "/bin", "/usr/local/bin", "/usr/sbin", "/sbin"];

/** Where a program of the operating system is; undefined when it is not installed. */
export function findProgram(name: string): string | undefined {
  return PROGRAM_DIRECTORIES.map((directory) => join(directory, name)).find((path) => existsSync(path));
}

/** Throws with the name of Debian's package when the program is not installed. */
export function requireProgram(name: string, debianPackage: string): string {
  const path = findProgram(name);
  if (path === undefined) throw new Error(`${name} is not installed (package ${debianPackage})`);
  return path;
}
