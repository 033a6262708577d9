import { createHash } from "node:crypto";
import { access, readdir, readFile, realpath } from "node:fs/promises";
import { homedir } from "node:os";
import { delimiter, join } from "node:path";
import type { InstalledRuntime, RuntimeCatalogue } from "../../ports/runtime-catalogue.ts";
import { InstalledRuntimes, type KnownRuntime } from "./installed-runtimes.ts";
import { type InterpreterFacts, probeInterpreters } from "./interpreter-probe.ts";
import { belongsToLine, findInterpreters } from "./interpreter-search.ts";
import { fillIn, type InterpreterSearch, type RuntimeManifest, readManifests } from "./runtime-manifest.ts";
import { runtimeProgram } from "./runtime-program.ts";

export interface DiscoveryOptions {
  /** Absolute path of the repository's or package's runtimes/ folder. */
  readonly runtimesDirectory: string;
  /** Lambent's own Node, which is a runtime as well: process.execPath. */
  readonly nodeExecutable: string;
  /** Reported as the version of OS-only runtimes. */
  readonly lambentVersion: string;
  /** Further directories in which interpreters may lie, `*` standing for one directory level. */
  readonly extraSearchPaths?: readonly string[];
  /** Where PATH and the version managers' variables are read from. */
  readonly environment?: Readonly<Record<string, string | undefined>>;
}

/**
 * Looks for the interpreters of every runtime in `runtimesDirectory`, runs each candidate once, and takes the newest
 * release of each line. Rejects only when a manifest is not valid.
 */
export async function discoverRuntimes(options: DiscoveryOptions): Promise<RuntimeCatalogue> {
  const discovery: Discovery = {
    options,
    environment: options.environment ?? process.env,
    ownNode: await realpath(options.nodeExecutable),
  };
  const manifests = await readManifests(options.runtimesDirectory);
  const installed = await Promise.all(manifests.map((manifest) => installedOf(manifest, discovery)));
  const known = await Promise.all(manifests.map((manifest) => knownOf(manifest, discovery)));
  return new InstalledRuntimes(installed.flat(), known.flat());
}

interface Discovery {
  readonly options: DiscoveryOptions;
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly ownNode: string;
}

async function installedOf(manifest: RuntimeManifest, discovery: Discovery): Promise<InstalledRuntime[]> {
  const { options, ownNode } = discovery;
  const search = manifest.interpreter;
  const [found, clientHash] = await Promise.all([
    search === undefined ? [] : findAll(manifest, search, discovery),
    hashOfFolder(manifest.directory),
  ]);
  return manifest.runtimes.flatMap(({ identifier, line }) => {
    const facts =
      search === undefined ? undefined : pickInterpreter(found, line, search.preferOwnNode ? ownNode : "");
    if (search !== undefined && facts === undefined) return [];
    const version = facts?.version ?? options.lambentVersion;
    const values = { identifier, line, runtimes: options.runtimesDirectory, ownNode };
    const variables = Object.entries(manifest.environmentVariables);
    return {
      identifier,
      version,
      versionHash: createHash("sha256")
        .update(JSON.stringify([identifier, version, clientHash]))
        .digest("hex"),
      program: runtimeProgram(manifest, facts, values),
      environmentVariables: Object.fromEntries(
        variables.map(([name, value]) => [name, fillIn(value, values)]),
      ),
      managed: manifest.managed,
      reserve: manifest.reserve,
      codeCache: manifest.codeCache,
    };
  });
}

async function findAll(
  manifest: RuntimeManifest,
  search: InterpreterSearch,
  { options, environment, ownNode }: Discovery,
): Promise<InterpreterFacts[]> {
  const values: Record<string, string> = {
    home: environment.HOME ?? homedir(),
    runtimes: options.runtimesDirectory,
  };
  for (const [name, value] of Object.entries(environment)) if (value) values[`env:${name}`] = value;
  const lines = manifest.runtimes.map((runtime) => runtime.line);
  const directories = [
    ...(environment.PATH ?? "").split(delimiter),
    ...(options.extraSearchPaths ?? []),
    ...search.directories.map((directory) => fillIn(directory, values)),
  ].filter((directory) => directory.startsWith("/"));
  const names = search.names.flatMap((name) => lines.map((line) => fillIn(name, { line })));
  const executables = await findInterpreters({ directories, names: [...new Set(names)], lines });
  const candidates = search.preferOwnNode ? [...new Set([ownNode, ...executables])] : executables;
  return probeInterpreters(
    candidates,
    search.probe.map((word) => fillIn(word, values)),
  );
}

/** The newest release of a line; Lambent's own Node wins, being the one that is surely supported. */
function pickInterpreter(
  found: readonly InterpreterFacts[],
  line: string,
  ownNode: string,
): InterpreterFacts | undefined {
  const ofLine = found.filter((facts) => facts.stable !== false && belongsToLine(facts.version, line));
  const newestFirst = ofLine.sort((a, b) => b.version.localeCompare(a.version, "en", { numeric: true }));
  return newestFirst.find((facts) => facts.executable === ownNode) ?? newestFirst[0];
}

async function hashOfFolder(directory: string): Promise<string> {
  const names = await readdir(directory, { recursive: true });
  const hash = createHash("sha256");
  for (const name of names.filter((file) => /[.](mjs|py|rb|jar|json)$/.test(file)).sort()) {
    hash.update(`${name}\0`).update(await readFile(join(directory, name)));
  }
  return hash.digest("hex");
}

async function knownOf(manifest: RuntimeManifest, { environment }: Discovery): Promise<KnownRuntime[]> {
  const usable = await Promise.all(
    manifest.install.map(async ({ needs }) => needs === undefined || isOnPath(needs, environment.PATH ?? "")),
  );
  const template = manifest.install.find((_, index) => usable[index])?.command;
  return manifest.runtimes.map(({ identifier, line }) => {
    const values = { line, platform: process.platform, arch: process.arch };
    return { identifier, installCommand: template === undefined ? undefined : fillIn(template, values) };
  });
}

async function isOnPath(tool: string, path: string): Promise<boolean> {
  const found = await Promise.all(
    path.split(delimiter).map((directory) =>
      access(join(directory, tool)).then(
        () => true,
        () => false,
      ),
    ),
  );
  return found.includes(true);
}
