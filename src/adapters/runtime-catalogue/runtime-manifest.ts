import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";

const interpreterSchema = z.strictObject({
  /** Lambent's own Node comes first, and is taken for its line whatever else is found. */
  preferOwnNode: z.boolean(),
  /** File names, with {line}. */
  names: z.array(z.string()).min(1),
  /** Where to look besides PATH; {home}, {env:NAME}, {installed} (by `lambent runtime install`) and `*` for one directory level. */
  directories: z.array(z.string()),
  /** Arguments that make the interpreter print an `InterpreterFacts`, or a list of them, as one line of JSON. */
  probe: z.array(z.string()).min(1),
});

const installSchema = z.strictObject({
  /** A program that has to be on PATH. */
  needs: z.string().optional(),
  /** The package manager serves the whole machine. */
  root: z.boolean().optional(),
  /** Only told to the operator: it brings more than the interpreter. */
  byHand: z.boolean().optional(),
  /**
   * For `sh`; with {line}, {platform}, {arch}, and {prefix} for a new directory, which becomes one of {installed} when
   * the command has succeeded.
   */
  command: z.string(),
});

const librarySchema = z.strictObject({
  /** By which `lambent runtime install` knows it. */
  identifier: z.string(),
  /** File or directory that it has; a directory without it is not taken for the library. */
  shownBy: z.string(),
  /** Where it is shown to functions. */
  sandbox: z.string(),
  /** In the place of the runtime's own, when it is there. */
  environmentVariables: z.record(z.string(), z.string()),
  /** Whether a function's pack of compiled code has that of the library too. */
  isPacked: z.boolean().optional(),
  /** Ways to install it into {prefix}, the best first. */
  install: z.array(installSchema),
});

const reserveSchema = z.strictObject({
  byMemory: z.boolean().optional(),
  /** A file: where the runtime's pack has it only. */
  zygote: z.union([z.boolean(), z.string()]).optional(),
  /** "with library": where the runtime has its library only. "all that are forked": what a zygote has loaded costs its children nothing. */
  preloads: z.union([z.boolean(), z.literal("with library"), z.literal("all that are forked")]).optional(),
});

const archiveSchema = z.strictObject({
  /** Of these lines alone. */
  lines: z.array(z.string()).min(1),
  /**
   * What has the interpreter, {executable} in {prefix}, write it into {directory}. It may take an archive only where all that
   * this was made of lies at the same places, so that it is run as in a sandbox. Where the program for that is missing, there
   * is no archive.
   */
  command: z.tuple([z.string()], z.string()),
  /** What an interpreter may lack that writes none. */
  needs: z.string().optional(),
  environmentVariables: z.record(z.string(), z.string()),
  /** Its name, and the directory where it is shown to functions. */
  file: z.string(),
  sandbox: z.string(),
});

const manifestSchema = z.strictObject({
  /** `line` is what the interpreter's version must begin with. */
  runtimes: z
    .array(
      z.strictObject({
        identifier: z.string(),
        line: z.string(),
        /** A line that may stand in, marked as such, where the machine has none of `line`. */
        olderLine: z.string().optional(),
        /** What stands at {flags} in the command. */
        flags: z.array(z.string()).optional(),
        /** In the place of the manifest's. */
        reserve: reserveSchema.optional(),
      }),
    )
    .min(1),
  managed: z.boolean(),
  /** Absent for OS-only runtimes. */
  interpreter: interpreterSchema.optional(),
  /** As run in the sandbox, with {interpreter}, and {flags} for those of the runtime's line. */
  command: z.array(z.string()).min(1),
  /** Programs of the function's that the command becomes, see `SandboxProgram`. */
  becomes: z.array(z.string()).optional(),
  /**
   * An executable, with {arch}, that is put before the command where this machine has it: it does the same sooner, or
   * becomes the command. It lies in one of `mounts`.
   */
  launcher: z.strictObject({ host: z.string(), sandbox: z.string() }).optional(),
  /** {runtimes} is the folder with all runtimes, {ownNode} the file that runs Lambent. */
  mounts: z.array(z.strictObject({ host: z.string(), sandbox: z.string() })),
  environmentVariables: z.record(z.string(), z.string()),
  /** Present where the program understands LAMBENT_RESERVE, see `RuntimeReserve`. */
  reserve: reserveSchema.optional(),
  /** Whether its client makes and uses packs of compiled code. */
  codeCache: z.boolean().optional(),
  /**
   * A file of this folder that the interpreter runs with an empty directory, and which puts there what is shown in the
   * folder's place and starts sooner; see `RuntimePacks`.
   */
  pack: z.string().optional(),
  /** What the interpreter writes of itself, that starts with it are sooner; see `RuntimeArchives`. */
  archive: archiveSchema.optional(),
  /** Ways to install a line, the best first; see `RuntimeInstaller`. */
  install: z.array(installSchema),
  /** What AWS's managed runtime brings besides the language: its SDK. */
  library: librarySchema.optional(),
});

/** manifest.json of a folder in runtimes/: all there is to know to find a language on a machine and to start it. */
export type RuntimeManifest = z.infer<typeof manifestSchema> & { readonly directory: string };
export type LibraryManifest = z.infer<typeof librarySchema>;
export type ReserveManifest = z.infer<typeof reserveSchema>;
export type ArchiveManifest = z.infer<typeof archiveSchema>;
export type InstallMethod = z.infer<typeof installSchema>;
export type InterpreterSearch = z.infer<typeof interpreterSchema>;

/** Reads every `<runtimesDirectory>/<name>/manifest.json`; rejects when one of them is not valid. */
export async function readManifests(runtimesDirectory: string): Promise<RuntimeManifest[]> {
  const entries = await readdir(runtimesDirectory, { withFileTypes: true });
  const directories = entries.filter((entry) => entry.isDirectory()).map((entry) => entry.name);
  return Promise.all(
    directories.sort().map(async (name) => {
      const directory = join(runtimesDirectory, name);
      const file = join(directory, "manifest.json");
      const parsed = manifestSchema.safeParse(JSON.parse(await readFile(file, "utf8")));
      if (!parsed.success) throw new Error(`${file} is not valid: ${z.prettifyError(parsed.error)}`);
      return { ...parsed.data, directory };
    }),
  );
}

/** Replaces {name} by its value; names without one are left as they are. */
export function fillIn(template: string, values: Readonly<Record<string, string>>): string {
  return template.replace(/\{([\w:]+)\}/g, (whole, name: string) => values[name] ?? whole);
}
