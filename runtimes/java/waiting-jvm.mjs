import { existsSync } from "node:fs";
import { join } from "node:path";

const MODULE = "lambent.runtime";
/** From here on Java warns of native libraries that were not allowed on the command line. */
const FIRST_LINE_ASKING_FOR_NATIVE_ACCESS = 24;

/**
 * The end of the command line of a JVM that waits for its assignment. Our client is a named module there: only it, and
 * not the function's classes, may reach what java.lang keeps to itself. Ends the process where no native library for
 * this machine's architecture is at hand.
 */
export function waitingJvmOptions(jar, line) {
  const library = join(import.meta.dirname, "native", `process-state-linux-${process.arch}.so`);
  if (process.platform !== "linux" || !existsSync(library)) {
    process.stderr.write(`A JVM cannot wait for its function on ${process.platform}-${process.arch}.\n`);
    process.exit(1);
  }
  return [
    // A small heap to begin with, and class data where they were archived, where JVMs share their memory.
    "-Xms16m",
    "-XX:+IgnoreUnrecognizedVMOptions",
    "-XX:+UnlockDiagnosticVMOptions",
    "-XX:ArchiveRelocationMode=0",
    ...(line >= FIRST_LINE_ASKING_FOR_NATIVE_ACCESS ? [`--enable-native-access=${MODULE}`] : []),
    `--add-opens=java.base/java.lang=${MODULE}`,
    `-Dlambent.reserve=${library}`,
    "-p",
    jar,
    "-m",
    `${MODULE}/${MODULE}.Main`,
  ];
}
