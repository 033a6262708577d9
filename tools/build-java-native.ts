/**
 * Builds runtimes/java/native/process-state-linux-<architecture>.so from its source: `node tools/build-java-native.ts`.
 * Needs a C compiler and a JDK's headers (JAVA_HOME, or one below /usr/lib/jvm). The library lies in the repository, so that
 * Lambent needs no C compiler; where there is none for a machine's architecture, Java functions start without waiting JVMs.
 */
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { globSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";

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

function build(): void {
  const headers = headerDirectory();
  const output = nativeLibrary(process.arch);
  const options = ["-shared", "-fPIC", "-O2", "-s", "-nostdlib", "-Wall", "-Wextra", "-Werror"];
  const link = ["-Wl,--build-id=none", "-Wl,-z,relro,-z,now,-z,noexecstack"];
  const define = `-DSOURCES_DIGEST="${nativeSourceDigest()}"`;
  const include = [`-I${headers}`, `-I${join(headers, "linux")}`];
  execFileSync("cc", [...options, ...link, define, ...include, "-o", output, SOURCE], { stdio: "inherit" });
}

if (import.meta.main) build();
