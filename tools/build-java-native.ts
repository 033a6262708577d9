/**
 * Builds runtimes/java/native/process-state-linux-<architecture>.so and launcher-linux-<architecture> from their sources:
 * `node tools/build-java-native.ts`. Needs a C compiler and a JDK's headers (JAVA_HOME, or one below /usr/lib/jvm). Both lie in
 * the repository, so that Lambent needs no C compiler; where there are none for a machine's architecture, Java functions start
 * without waiting JVMs, by way of a Node.js.
 */
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { globSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
// @ts-expect-error -- plain JavaScript, which runs in sandboxes as it is.
import { BESIDE_HEAP_MB, HEAP_PERCENT, jvmOptions } from "../runtimes/java/jvm-options.mjs";
// @ts-expect-error -- as above.
import * as started from "../runtimes/java/started-jvm.mjs";
// @ts-expect-error -- as above.
import { waitingJvmOptions } from "../runtimes/java/waiting-jvm.mjs";

const NATIVE = join(import.meta.dirname, "../runtimes/java/native");
const SOURCE = join(NATIVE, "process_state.c");
export const nativeLibrary = (architecture: string): string =>
  join(NATIVE, `process-state-linux-${architecture}.so`);

/** What the library says about the source it was built from. */
export const nativeSourceDigest = (): string =>
  createHash("sha256").update(readFileSync(SOURCE)).digest("hex");

function headerDirectory(): string {
  const homes = [process.env.JAVA_HOME ?? "", ...globSync("/usr/lib/jvm/*")];
  const header = homes.flatMap((home) => globSync(join(home, "include/jni.h")))[0];
  if (header === undefined) throw new Error("No JDK with include/jni.h was found; set JAVA_HOME.");
  return dirname(header);
}

const RUNTIME = join(import.meta.dirname, "../runtimes/java/");
const LAUNCHER_SOURCE = join(NATIVE, "launcher.c");
export const nativeLauncher = (architecture: string): string =>
  join(NATIVE, `launcher-linux-${architecture}`);

/** What goes into the launcher besides its source: what launcher.mjs would say to a JVM of each kind. */
function launcherDefinitions(): string[] {
  const inC = (options: string[]): string =>
    options.map((option) => JSON.stringify(option.replaceAll(RUNTIME, "@"))).join(", ");
  // The heap comes first, and is reckoned there.
  const [, ...options] = jvmOptions(512, "") as string[];
  const waiting = (line: number): string[] =>
    waitingJvmOptions(join(RUNTIME, "lambent-java-runtime.jar"), line);
  const line = started.FIRST_LINE_MAPPING_ARCHIVES as number;
  const plain = started.startedJvmOptions(line, {}, false) as string[];
  const archived = started.startedJvmOptions(line, {}, true) as string[];
  return [
    `-DFIRST_LINE_MAPPING_ARCHIVES=${line}`,
    `-DSTARTED_OPTIONS=${inC(plain)}`,
    `-DARCHIVE_OPTIONS=${inC(archived.slice(plain.length))}`,
    `-DARCHIVE_WORDS=${inC(started.ARCHIVE_WORDS as string[])}`,
    `-DCLASS_ARCHIVE=${JSON.stringify(started.CLASS_ARCHIVE)}`,
    `-DHEAP_PERCENT=${HEAP_PERCENT}`,
    `-DBESIDE_HEAP_MB=${BESIDE_HEAP_MB}`,
    `-DJVM_OPTIONS=${inC(options)}`,
    `-DCONNECTED_OPTIONS=${inC([`-agentpath:${nativeLibrary(process.arch)}`])}`,
    `-DWAITING_OPTIONS=${inC(waiting(17))}`,
    `-DWAITING_OPTIONS_ASKED=${inC(waiting(24))}`,
  ];
}

/** What the launcher says about the source and the options it was built from. */
export function launcherDigest(): string {
  const hash = createHash("sha256");
  const options = ["jvm-options.mjs", "started-jvm.mjs", "waiting-jvm.mjs"];
  for (const file of [LAUNCHER_SOURCE, ...options.map((name) => join(RUNTIME, name))])
    hash.update(readFileSync(file));
  return hash.digest("hex");
}

function buildLauncher(): void {
  const options = [
    "-static",
    "-nostdlib",
    "-ffreestanding",
    "-fno-stack-protector",
    "-fno-builtin",
    "-fno-pie",
    "-no-pie",
  ];
  const checks = ["-Os", "-s", "-Wall", "-Wextra", "-Werror", "-Wl,--build-id=none", "-Wl,-z,noexecstack"];
  const define = [...launcherDefinitions(), `-DSOURCES_DIGEST="${launcherDigest()}"`];
  const output = nativeLauncher(process.arch);
  execFileSync("cc", [...options, ...checks, ...define, "-o", output, LAUNCHER_SOURCE], { stdio: "inherit" });
}

function build(): void {
  const headers = headerDirectory();
  const output = nativeLibrary(process.arch);
  const options = ["-shared", "-fPIC", "-O2", "-s", "-nostdlib", "-Wall", "-Wextra", "-Werror"];
  const link = ["-Wl,--build-id=none", "-Wl,-z,relro,-z,now,-z,noexecstack"];
  const define = `-DSOURCES_DIGEST="${nativeSourceDigest()}"`;
  const include = [`-I${headers}`, `-I${join(headers, "linux")}`];
  execFileSync("cc", [...options, ...link, define, ...include, "-o", output, SOURCE], { stdio: "inherit" });
}

if (import.meta.main) {
  build();
  buildLauncher();
}
