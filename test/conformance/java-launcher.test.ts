/** The launcher of the Java runtimes in C does what the one for Node.js does, or becomes that. */
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { chmod, mkdtemp, rm, writeFile } from "node:fs/promises";
import { type AddressInfo, connect, createServer, type Server } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, type TestContext, test } from "node:test";
import { nativeLauncher } from "../../tools/build-java-native.ts";
import { RUNTIMES_DIRECTORY } from "../support/installed-runtimes.ts";
import { RuntimeProcess } from "../support/runtime-process.ts";
import { skipUnless } from "../support/skip.ts";

const LIMIT = { timeout: 30_000 };
const LAUNCHER = nativeLauncher(process.arch);
const directory = await mkdtemp(join(tmpdir(), "lambent-java-launcher-"));
after(() => rm(directory, { recursive: true, force: true }));

/** Stands for the JVM, and for a wrapper: tells what it was started with. */
const PROGRAM = join(directory, "java");
await writeFile(
  PROGRAM,
  '#!/bin/sh\nfor word in "$0" "$@"; do echo "word $word"; done\n/usr/bin/env | sort\nfor fd in /proc/$$/fd/[0-9]; do echo "descriptor $(basename $fd) $(readlink $fd | tr -d 0-9)"; done\n',
);
await chmod(PROGRAM, 0o755);
const WRAPPER = join(directory, "wrapper");
await writeFile(WRAPPER, `#!/bin/sh\necho wrapped\nexec ${PROGRAM} "$@"\n`);
await chmod(WRAPPER, 0o755);

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

interface Way {
  readonly program?: string;
  readonly line?: string;
  readonly variables?: Readonly<Record<string, string>>;
}

const command = ({ program = PROGRAM, line = "17" }: Way): string[] => [
  process.execPath,
  join(RUNTIMES_DIRECTORY, "java/launcher.mjs"),
  program,
  line,
];

/** What becomes of a start whose listeners are taken over. */
async function outcome(words: string[], { variables }: Way): Promise<unknown> {
  const ports = [await freePort(), await freePort()];
  const running = new RuntimeProcess({
    command: words,
    cwd: directory,
    listen: `runtime-api=${ports[0]},aws-endpoint=${ports[1]}`,
    environmentVariables: { AWS_LAMBDA_FUNCTION_MEMORY_SIZE: "512", NAME: "a value", ...variables },
  });
  try {
    await running.takeListeners(2);
    // Each listens on its own port, and is the platform's alone.
    for (const [index, name] of ["runtime-api", "aws-endpoint"].entries()) {
      const accepted = new Promise((resolve) => running.listeners.get(name)?.once("connection", resolve));
      const socket = connect(ports[index] ?? 0, "127.0.0.1");
      ((await accepted) as typeof socket).destroy();
      socket.destroy();
    }
    const { code, signal } = await running.exited;
    return { code, signal, stdout: (await running.stdout).split("\n"), stderr: await running.stderr };
  } finally {
    await running.stop();
  }
}

const isBuilt = (t: TestContext): boolean =>
  skipUnless(
    t,
    existsSync(LAUNCHER),
    "no launcher was built for this machine",
    "node tools/build-java-native.ts",
  );

for (const [what, way] of [
  ["of a JVM that is started for its function", {}],
  ["with a locale of its own", { variables: { LC_ALL: "C" } }],
  ["with little memory", { variables: { AWS_LAMBDA_FUNCTION_MEMORY_SIZE: "128" } }],
  ["with much memory", { variables: { AWS_LAMBDA_FUNCTION_MEMORY_SIZE: "10240" } }],
  ["of one that waits", { variables: { LAMBENT_RESERVE: "1" } }],
  ["of a later one that waits", { line: "25", variables: { LAMBENT_RESERVE: "1" } }],
  ["with options of the function's own", { variables: { JAVA_TOOL_OPTIONS: "-Xmx100m -XX:+UseG1GC" } }],
  ["with an exec wrapper", { variables: { AWS_LAMBDA_EXEC_WRAPPER: WRAPPER } }],
  ["with an exec wrapper that is not there", { variables: { AWS_LAMBDA_EXEC_WRAPPER: "/no-such-wrapper" } }],
  ["without a memory", { variables: { AWS_LAMBDA_FUNCTION_MEMORY_SIZE: "" } }],
  ["of a JVM that is not there", { program: "/no-such-java" }],
] as [string, Way][])
  test(`the command line, variables and descriptors ${what} are the same`, LIMIT, async (t) => {
    if (!isBuilt(t)) return;
    const words = command(way);
    const [quick, usual] = await Promise.all([outcome([LAUNCHER, ...words], way), outcome(words, way)]);
    assert.deepEqual(quick, usual);
  });

for (const [what, isListened, variables, isConnected] of [
  ["one that is started for its function", true, {}, true],
  ["one that waits", true, { LAMBENT_RESERVE: "1" }, false],
  ["one whose Runtime API is not there", false, {}, false],
] as const)
  test(
    `the connection of ${what} is ${isConnected ? "opened for it" : "its own affair"}`,
    LIMIT,
    async (t) => {
      if (!isBuilt(t)) return;
      const port = await freePort();
      const server = createServer();
      if (isListened) await new Promise<void>((resolve) => server.listen(port, "127.0.0.1", resolve));
      const running = new RuntimeProcess({
        command: [LAUNCHER, ...command({})],
        cwd: directory,
        environmentVariables: {
          AWS_LAMBDA_FUNCTION_MEMORY_SIZE: "512",
          AWS_LAMBDA_RUNTIME_API: `127.0.0.1:${port}`,
          ...variables,
        },
      });
      try {
        assert.deepEqual(await running.exited, { code: 0, signal: null });
        const stdout = await running.stdout;
        assert.equal(
          /^word -agentpath:.*[/]process-state-linux-\w+[.]so$/m.test(stdout),
          isConnected,
          stdout,
        );
        // The stand-in is a script, whose shell keeps that at 10 or above.
        assert.equal(/^descriptor 3 socket:/m.test(stdout), isConnected, stdout);
      } finally {
        server.close();
      }
    },
  );

test("without a channel nothing is handed over", LIMIT, async (t) => {
  if (!isBuilt(t)) return;
  const running = new RuntimeProcess({
    command: [LAUNCHER, ...command({})],
    cwd: directory,
    environmentVariables: { AWS_LAMBDA_FUNCTION_MEMORY_SIZE: "512" },
  });
  assert.deepEqual(await running.exited, { code: 0, signal: null });
  assert.match(await running.stdout, /^word lambent[.]runtime[.]Main$/m);
});

test("a platform that is gone ends the launcher", LIMIT, async (t) => {
  if (!isBuilt(t)) return;
  const running = new RuntimeProcess({
    command: [LAUNCHER, ...command({})],
    cwd: directory,
    listen: `runtime-api=${await freePort()},aws-endpoint=${await freePort()}`,
    environmentVariables: { AWS_LAMBDA_FUNCTION_MEMORY_SIZE: "512" },
  });
  // After the first listener, before it has been given the second.
  running.child.once("message", (_message, listener) => {
    (listener as Server).close();
    running.child.disconnect();
  });
  assert.equal((await running.exited).code, 1);
});
