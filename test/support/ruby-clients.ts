/** Our Ruby client with each Ruby that can be had. */
import { join } from "node:path";
import type { TestContext } from "node:test";
import { commandInDebian, installFromDebian, RUBY_OF_DEBIAN } from "./debian-interpreters.ts";
import { commandOnHost, discoverForTests, RUNTIMES_DIRECTORY } from "./installed-runtimes.ts";
import { rubyRuntime } from "./ruby.ts";
import { isInstalled } from "./runtime-clients.ts";

/** A version of Ruby, for the name of a test. */
export interface RubyClient {
  readonly name: string;
  /** What runs our client; undefined, with the test skipped, where it cannot be had. */
  readonly command: (t: TestContext) => Promise<string[] | undefined>;
}

/** Each Ruby of this machine, or one that is installed, and the one that only a newer Debian has. */
export async function rubyClients(): Promise<RubyClient[]> {
  const found = (await discoverForTests()).list().filter(({ identifier }) => identifier.startsWith("ruby"));
  const ofMachine = found.map((runtime) => ({
    name: `Ruby ${runtime.version}`,
    command: async () => commandOnHost(runtime.program),
  }));
  if (found.some(({ identifier }) => identifier === RUBY_OF_DEBIAN.identifier)) return ofMachine;
  const installed = await installFromDebian(RUBY_OF_DEBIAN);
  return [
    ...(found.length === 0 ? [{ name: "Ruby", command: installedRuby }] : ofMachine),
    {
      name: "Ruby 3.3 of Debian",
      command: async (t) =>
        isInstalled(t, installed) && installed.directory !== undefined
          ? rubyOfDebian(installed.directory)
          : undefined,
    },
  ];
}

async function installedRuby(t: TestContext): Promise<string[] | undefined> {
  const runtime = await rubyRuntime(t);
  return runtime && commandOnHost(runtime.program);
}

function rubyOfDebian(directory: string): string[] {
  const interpreter = commandInDebian(RUBY_OF_DEBIAN, directory, [RUNTIMES_DIRECTORY]);
  return [...interpreter, join(RUNTIMES_DIRECTORY, "ruby/bootstrap.rb")];
}
