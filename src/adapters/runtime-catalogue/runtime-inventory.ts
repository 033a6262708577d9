import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { access } from "node:fs/promises";
import { delimiter, join } from "node:path";
import type { InstalledRuntime, RuntimeReserve } from "../../ports/runtime-catalogue.ts";
import type { InterpreterFacts, InterpreterProbe } from "./interpreter-probe.ts";
import { belongsToLine, findInterpreters } from "./interpreter-search.ts";
import type { RuntimeArchive, RuntimeArchives } from "./runtime-archives.ts";
import { findLibrary, type KnownLibrary } from "./runtime-library.ts";
import {
  fillIn,
  type InstallMethod,
  type InterpreterSearch,
  type ReserveManifest,
  type RuntimeManifest,
} from "./runtime-manifest.ts";
import type { RuntimePacks } from "./runtime-packs.ts";
import { runtimeProgram } from "./runtime-program.ts";

/** Where and how interpreters are looked for. */
export interface Discovery {
  readonly runtimesDirectory: string;
  readonly ownNode: string;
  readonly lambentVersion: string;
  readonly extraSearchPaths: readonly string[];
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly home: string;
  /** Where `lambent runtime install` puts interpreters. */
  readonly installedDirectory: string;
  readonly allowOlder: boolean;
  readonly probe: InterpreterProbe;
  readonly packs: RuntimePacks | undefined;
  readonly archives: RuntimeArchives | undefined;
}

/** What is known of a runtime identifier, whether it is installed or not. */
export interface KnownRuntime {
  readonly identifier: string;
  readonly line: string;
  /** Every version that this machine has, the one to be taken first. */
  readonly versions: readonly InstalledRuntime[];
  /** By the version's hash: what is to be called when the version is asked for. */
  readonly archives: ReadonlyMap<string, () => void>;
  /** Version of an interpreter that could stand in, where that is not allowed. */
  readonly couldStandIn: string | undefined;
  /** Ways to install it whose tool is on this machine, the best first. */
  readonly install: readonly InstallMethod[];
  readonly library?: KnownLibrary | undefined;
}

/** Looks for every interpreter of the manifest's runtimes. */
export async function takeInventory(
  manifest: RuntimeManifest,
  discovery: Discovery,
): Promise<KnownRuntime[]> {
  const search = manifest.interpreter;
  const found = search === undefined ? [] : await findAll(manifest, search, discovery);
  const install = await usableMethods(manifest.install, discovery.environment.PATH ?? "");
  const library = manifest.library && {
    manifest: manifest.library,
    directory: await findLibrary(manifest.library, discovery.installedDirectory),
    install: await usableMethods(manifest.library.install, discovery.environment.PATH ?? ""),
  };
  const inventory = manifest.runtimes.map(async (runtime) => {
    const ofLine = sorted(found, runtime.line, search?.preferOwnNode ? discovery.ownNode : "");
    const older =
      ofLine.length > 0 || runtime.olderLine === undefined ? [] : sorted(found, runtime.olderLine, "");
    const taken = ofLine.length > 0 || !discovery.allowOlder ? ofLine : older;
    const archives = new Map<string, () => void>();
    const versions = await Promise.all(
      (search === undefined ? [undefined] : taken).map(async (facts) => {
        const pack = facts && (await discovery.packs?.find(manifest, facts));
        const { runtimesDirectory: runtimes } = discovery;
        const archive =
          facts && (await discovery.archives?.find(manifest, facts, { runtimes, line: runtime.line }));
        const installed = installedRuntime(
          manifest,
          { ...runtime, facts, library, pack, archive, isOlder: older.length > 0 },
          discovery,
        );
        if (archive !== undefined) archives.set(installed.versionHash, archive.make);
        return installed;
      }),
    );
    return {
      identifier: runtime.identifier,
      line: runtime.line,
      versions: distinct(versions),
      archives,
      couldStandIn: discovery.allowOlder ? undefined : older[0]?.version,
      install,
      library,
    };
  });
  return Promise.all(inventory);
}

function installedRuntime(
  manifest: RuntimeManifest,
  runtime: {
    readonly identifier: string;
    readonly line: string;
    readonly facts: InterpreterFacts | undefined;
    readonly isOlder: boolean;
    readonly flags?: readonly string[] | undefined;
    readonly reserve?: ReserveManifest | undefined;
    readonly library: KnownLibrary | undefined;
    readonly pack: string | undefined;
    readonly archive: RuntimeArchive | undefined;
  },
  { lambentVersion, runtimesDirectory, ownNode }: Discovery,
): InstalledRuntime {
  const { identifier, line, facts, flags, pack, archive } = runtime;
  const version = facts?.version ?? lambentVersion;
  const values = { identifier, line, runtimes: runtimesDirectory, ownNode };
  const library = runtime.library?.directory === undefined ? undefined : runtime.library;
  const variables = Object.entries({
    ...manifest.environmentVariables,
    ...library?.manifest.environmentVariables,
  });
  return {
    identifier,
    version,
    // Not of Lambent's own part: a function stays with its version when Lambent is updated.
    versionHash: createHash("sha256")
      .update(JSON.stringify([identifier, version, facts?.sizeBytes]))
      .digest("hex"),
    program: runtimeProgram(manifest, { interpreter: facts, flags, library, pack, archive }, values),
    ...(library !== undefined && { library: library.directory }),
    ...(library?.manifest.isPacked === true && { packsLibrary: true }),
    environmentVariables: Object.fromEntries(variables.map(([name, value]) => [name, fillIn(value, values)])),
    managed: manifest.managed,
    reserve: reserveOf(runtime.reserve ?? manifest.reserve, { hasLibrary: library !== undefined, pack }),
    codeCache: manifest.codeCache,
    ...(runtime.isOlder && { isOlder: true }),
  };
}

function reserveOf(
  reserve: ReserveManifest | undefined,
  { hasLibrary, pack }: { readonly hasLibrary: boolean; readonly pack: string | undefined },
): RuntimeReserve | undefined {
  if (reserve === undefined) return undefined;
  const { preloads, zygote, ...others } = reserve;
  const canFork =
    typeof zygote === "string" ? pack !== undefined && existsSync(join(pack, zygote)) : zygote === true;
  const canPreload = preloads === "with library" ? hasLibrary : preloads !== undefined && preloads !== false;
  return {
    ...others,
    ...(canFork && { zygote: true }),
    ...(canPreload && { preloads: true }),
    ...(canFork && preloads === "all that are forked" && { forkedPreload: true }),
  };
}

function findAll(
  manifest: RuntimeManifest,
  search: InterpreterSearch,
  discovery: Discovery,
): Promise<InterpreterFacts[]> {
  const { environment, extraSearchPaths, home, installedDirectory, ownNode, runtimesDirectory } = discovery;
  const values: Record<string, string> = {
    home,
    installed: installedDirectory,
    runtimes: runtimesDirectory,
  };
  for (const [name, value] of Object.entries(environment)) if (value) values[`env:${name}`] = value;
  const lines = manifest.runtimes.flatMap(({ line, olderLine }) => [line, ...(olderLine ? [olderLine] : [])]);
  const directories = [
    ...(environment.PATH ?? "").split(delimiter),
    ...extraSearchPaths,
    ...search.directories.map((directory) => fillIn(directory, values)),
  ].filter((directory) => directory.startsWith("/"));
  const names = search.names.flatMap((name) => lines.map((line) => fillIn(name, { line })));
  return findInterpreters({ directories, names: [...new Set(names)], lines }).then((executables) =>
    discovery.probe.ask(
      search.preferOwnNode ? [...new Set([ownNode, ...executables])] : executables,
      search.probe.map((word) => fillIn(word, values)),
    ),
  );
}

/** Those of a line, newest first; Lambent's own Node before all, being the one that is surely supported. */
function sorted(found: readonly InterpreterFacts[], line: string, ownNode: string): InterpreterFacts[] {
  const rank = ({ executable }: InterpreterFacts): number => (executable === ownNode ? 0 : 1);
  return found
    .filter((facts) => facts.stable !== false && belongsToLine(facts.version, line))
    .sort((a, b) => rank(a) - rank(b) || b.version.localeCompare(a.version, "en", { numeric: true }));
}

/** One interpreter installed at two places is one version. */
function distinct(versions: readonly InstalledRuntime[]): InstalledRuntime[] {
  return [
    ...new Map(versions.toReversed().map((version) => [version.versionHash, version])).values(),
  ].reverse();
}

async function usableMethods(methods: readonly InstallMethod[], path: string): Promise<InstallMethod[]> {
  const usable = await Promise.all(
    methods.map(async ({ needs }) => needs === undefined || isOnPath(needs, path)),
  );
  return methods.filter((_, index) => usable[index]);
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
