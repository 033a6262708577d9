/**
 * Builds runtimes/java/lambent-java-runtime.jar, and the package of its warm-up beside it, from their sources:
 * `node tools/build-java-client.ts`. Both lie in the repository, so that Lambent needs no Java compiler; the same sources and
 * compiler give the same bytes.
 */
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { globSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { buffer } from "node:stream/consumers";
import yazl from "yazl";

const SOURCES = join(import.meta.dirname, "../runtimes/java/src");
export const JAVA_CLIENT = join(import.meta.dirname, "../runtimes/java");
export const JAR = "lambent-java-runtime.jar";
/** As a function's package is: a class by itself, and a library. */
const WARM_UP_CLASS = "warm-up/lambent/warmup/Function.class";
const WARM_UP_LIBRARY = "warm-up/lib/library.jar";
/** The oldest Java whose runtime identifier is supported. */
const RELEASE = "11";
/** The function of a waiting JVM's warm-up, which that loads as it loads functions; compiled as those are. */
const WARM_UP = ["lambent/warmup/", "com/amazonaws/services/lambda/runtime/"];
/** Texts put together by plain code: what a JVM makes of the other kind at run time costs its start tens of milliseconds. */
const CONCATENATION = "-XDstringConcat=inline";
const EPOCH = new Date(Date.UTC(2020, 0, 1));

/** "javac 17" of the compiler on PATH; undefined when there is none. */
export function compilerName(): string | undefined {
  try {
    return /^javac \d+/.exec(execFileSync("javac", ["-version"], { encoding: "utf8" }))?.[0];
  } catch {
    return undefined;
  }
}

const isWarmUp = (name: string): boolean => WARM_UP.some((folder) => name.startsWith(folder));

const sourceFiles = (): string[] => globSync("**/*.java", { cwd: SOURCES }).sort();

/** What the manifest of the jar says about the sources it was built from. */
export function sourcesDigest(): string {
  const hash = createHash("sha256");
  for (const name of sourceFiles()) hash.update(`${name}\0`).update(readFileSync(join(SOURCES, name)));
  return hash.digest("hex");
}

/** Each file of the client by its path in runtimes/java. Needs `javac`. */
export async function buildJavaClient(): Promise<Map<string, Buffer>> {
  const classes = mkdtempSync(join(tmpdir(), "lambent-java-client-"));
  try {
    const options = [
      "--release",
      RELEASE,
      "-Xlint:all",
      "-Werror",
      "-g:source,lines",
      "-encoding",
      "UTF-8",
      "-d",
      classes,
    ];
    const compile = (files: string[], ...more: string[]): void =>
      void execFileSync("javac", [...options, ...more, ...files], { cwd: SOURCES, stdio: "inherit" });
    compile(
      sourceFiles().filter((name) => !isWarmUp(name)),
      CONCATENATION,
    );
    compile(sourceFiles().filter(isWarmUp));
    const manifest = `Manifest-Version: 1.0\r\nBuilt-With: ${compilerName()}\r\nAutomatic-Module-Name: lambent.runtime\r\nX-Sources: ${sourcesDigest()}\r\n\r\n`;
    const read = (name: string): Buffer => readFileSync(join(classes, name));
    const names = globSync("**/*.class", { cwd: classes }).sort();
    const ofClient = names.filter((name) => !isWarmUp(name));
    const ofLibrary = names.filter((name) => isWarmUp(name) && !WARM_UP_CLASS.endsWith(name));
    return new Map([
      [JAR, await jarOf([["META-INF/MANIFEST.MF", Buffer.from(manifest)], ...entries(ofClient, read)])],
      [WARM_UP_CLASS, read(WARM_UP_CLASS.slice("warm-up/".length))],
      [WARM_UP_LIBRARY, await jarOf(entries(ofLibrary, read))],
    ]);
  } finally {
    rmSync(classes, { recursive: true, force: true });
  }
}

const entries = (names: readonly string[], read: (name: string) => Buffer): [string, Buffer][] =>
  names.map((name) => [name, read(name)]);

function jarOf(files: readonly (readonly [string, Buffer])[]): Promise<Buffer> {
  const zip = new yazl.ZipFile();
  // Not compressed: a JVM reads it sooner.
  const settings = { mtime: EPOCH, mode: 0o100644, compress: false, forceDosTimestamp: true };
  for (const [name, bytes] of files) zip.addBuffer(bytes, name, settings);
  zip.end();
  return buffer(zip.outputStream);
}

if (import.meta.main)
  for (const [name, bytes] of await buildJavaClient()) {
    const path = join(JAVA_CLIENT, name);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, bytes);
  }
