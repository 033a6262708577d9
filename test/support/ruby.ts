/** Ruby for the tests, installed the way the operator would where the machine has none. */
import { execFile } from "node:child_process";
import type { TestContext } from "node:test";
import { promisify } from "node:util";
import type { InstalledRuntime } from "../../src/ports/runtime-catalogue.ts";
import { discoverForTests } from "./installed-runtimes.ts";
import { skipUnless } from "./skip.ts";

/** The newest Ruby runtime of this machine; undefined, with the test skipped, where there is none to be had. */
export async function rubyRuntime(t: TestContext): Promise<InstalledRuntime | undefined> {
  const found = (await findRuby()) ?? (await installRuby().then(findRuby, () => undefined));
  return skipUnless(t, found !== undefined, "there is no Ruby", "apt-get install ruby") ? found : undefined;
}

async function findRuby(): Promise<InstalledRuntime | undefined> {
  return (await discoverForTests()).list().find(({ identifier }) => identifier.startsWith("ruby"));
}

async function installRuby(): Promise<void> {
  const env = { ...process.env, DEBIAN_FRONTEND: "noninteractive" };
  const run = (...words: string[]) => promisify(execFile)("apt-get", words, { env, timeout: 120_000 });
  await run("install", "--yes", "--no-install-recommends", "ruby").catch(async () => {
    await run("update");
    await run("install", "--yes", "--no-install-recommends", "ruby");
  });
}
