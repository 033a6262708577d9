import { open, readdir, realpath } from "node:fs/promises";
import { join } from "node:path";

const EXECUTABLE_MAGICS = ["7f454c46", "cffaedfe", "cafebabe"];

export interface InterpreterLocations {
  /** Absolute directories, each level possibly a pattern with `*`. */
  readonly directories: readonly string[];
  readonly names: readonly string[];
  /** Version lines that are wanted, to pass by directories named after others. */
  readonly lines: readonly string[];
}

/**
 * Files that may be one of the wanted interpreters, by their real paths. Scripts (the shims of version managers)
 * are left out: what they would start is found in the managers' own directories.
 */
export async function findInterpreters(locations: InterpreterLocations): Promise<string[]> {
  const directories = (await Promise.all(locations.directories.map(expandPattern))).flat();
  const candidates = directories
    .filter((directory) => isNamedAfterWantedLine(directory, locations.lines))
    .flatMap((directory) => locations.names.map((name) => join(directory, name)));
  const resolved = await Promise.all([...new Set(candidates)].map(resolveExecutable));
  return [...new Set(resolved.filter((path) => path !== undefined))];
}

async function expandPattern(pattern: string): Promise<string[]> {
  let paths = ["/"];
  for (const part of pattern.split("/").filter((segment) => segment !== "")) {
    if (!part.includes("*")) {
      paths = paths.map((path) => join(path, part));
      continue;
    }
    const [prefix = "", suffix = ""] = part.split("*");
    const listed = await Promise.all(
      paths.map(async (path) => {
        const names = await readdir(path).catch(() => []);
        return names
          .filter((name) => name.startsWith(prefix) && name.endsWith(suffix) && !name.startsWith("."))
          .map((name) => join(path, name));
      }),
    );
    paths = listed.flat();
  }
  return paths;
}

function isNamedAfterWantedLine(directory: string, lines: readonly string[]): boolean {
  const version = /(?:^|[^\d.])(\d+\.\d+\.\d+)/.exec(directory)?.[1];
  return version === undefined || lines.some((line) => belongsToLine(version, line));
}

/** Whether "3.12.1" is of the line "3.12". */
export function belongsToLine(version: string, line: string): boolean {
  return version === line || version.startsWith(`${line}.`);
}

async function resolveExecutable(path: string): Promise<string | undefined> {
  try {
    const real = await realpath(path);
    const file = await open(real, "r");
    try {
      const { buffer } = await file.read(Buffer.alloc(4), 0, 4, 0);
      return EXECUTABLE_MAGICS.includes(buffer.toString("hex")) ? real : undefined;
    } finally {
      await file.close();
    }
  } catch {
    return undefined;
  }
}
