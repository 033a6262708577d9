/**
 * Builds runtimes/dotnet/Lambent.Runtime.dll from its sources: `node tools/build-dotnet-client.ts`. The assembly lies in
 * the repository, so that Lambent needs no compiler and no SDK; the same sources, compiler and runtime give the same
 * bytes. Compiled by Mono's mcs against the assemblies of .NET Core 3.1, the oldest runtime that it runs on.
 */
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { globSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { dotnetCore31 } from "../test/support/dotnet.ts";
import { referToNetstandard } from "./netstandard-references.ts";

const DIRECTORY = join(import.meta.dirname, "../runtimes/dotnet");
export const DOTNET_CLIENT = join(DIRECTORY, "Lambent.Runtime.dll");
const REFERENCES = [
  "Microsoft.Win32.Primitives",
  "System.Collections",
  "System.Console",
  "System.IO.FileSystem",
  "System.Memory",
  "System.Net.Primitives",
  "System.Net.Sockets",
  "System.Private.CoreLib",
  "System.Reflection.DispatchProxy",
  "System.Runtime",
  "System.Runtime.Extensions",
  "System.Text.Json",
];
/** Assemblies of one runtime that refer to one another by other version numbers. */
const UNIMPORTANT_WARNINGS = "1701,1702";

/** "mcs 6.8.0.105" of the compiler on PATH; undefined when there is none. */
export function compilerName(): string | undefined {
  try {
    const version = execFileSync("mcs", ["--version"], { encoding: "utf8" });
    return `mcs ${/version ([\d.]+)/.exec(version)?.[1]}`;
  } catch {
    return undefined;
  }
}

const sourceFiles = (): string[] => globSync("src/*.cs", { cwd: DIRECTORY }).sort();

/** What the assembly says about the sources it was built from. */
export function sourcesDigest(): string {
  const hash = createHash("sha256");
  for (const name of sourceFiles()) hash.update(`${name}\0`).update(readFileSync(join(DIRECTORY, name)));
  return hash.digest("hex");
}

/** Needs `mcs` and the directory of .NET Core 3.1's assemblies. */
export function buildDotnetClient(assemblies: string): Buffer {
  const directory = mkdtempSync(join(tmpdir(), "lambent-dotnet-client-"));
  try {
    const about = join(directory, "About.cs");
    const metadata = { Sources: sourcesDigest(), "Built-With": compilerName() };
    const attributes = Object.entries(metadata).map(
      ([key, value]) => `[assembly: System.Reflection.AssemblyMetadata("${key}", "${value}")]\n`,
    );
    writeFileSync(about, attributes.join(""));
    const out = join(directory, "Lambent.Runtime.dll");
    const references = REFERENCES.map((name) => `-r:${join(assemblies, `${name}.dll`)}`);
    const options = [
      "-nostdlib",
      "-noconfig",
      "-langversion:7.2",
      "-deterministic",
      "-optimize+",
      "-target:exe",
    ];
    const strict = ["-warn:4", "-warnaserror+", `-nowarn:${UNIMPORTANT_WARNINGS}`];
    execFileSync("mcs", [...options, ...strict, ...references, `-out:${out}`, ...sourceFiles(), about], {
      cwd: DIRECTORY,
      stdio: "inherit",
    });
    return referToNetstandard(readFileSync(out));
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

if (import.meta.main) {
  const { assemblies, failure, howTo } = await dotnetCore31();
  if (assemblies === undefined) throw new Error(`${failure}: ${howTo}`);
  writeFileSync(DOTNET_CLIENT, buildDotnetClient(assemblies));
}
