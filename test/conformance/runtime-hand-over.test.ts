/** How the listeners of a sandbox come to the platform, and what an OS-only runtime finds afterwards. */
import assert from "node:assert/strict";
import { chmod, mkdtemp, rm, writeFile } from "node:fs/promises";
import { connect, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, test } from "node:test";
import { commandOnHost, discoverForTests } from "../support/installed-runtimes.ts";
import { ourClients, type RuntimeClient, startClient, withClient } from "../support/runtime-clients.ts";
import { writeRuntimeFunctions } from "../support/runtime-functions.ts";
import type { RuntimeProcessOptions } from "../support/runtime-process.ts";
import type { Answer } from "../support/scripted-runtime-api.ts";

const LIMIT = { timeout: 30_000 };
const directories = {
  nodejs: await writeRuntimeFunctions("nodejs"),
  python: await writeRuntimeFunctions("python"),
  provided: await mkdtemp(join(tmpdir(), "lambent-provided-")),
};
after(async () => {
  for (const directory of Object.values(directories)) await rm(directory, { recursive: true, force: true });
});
const json = (answer: Answer) => JSON.parse(answer.body.toString("utf8"));
const { clients } = await ourClients();
const catalogue = await discoverForTests();

async function freePorts(): Promise<number[]> {
  const servers = [createServer(), createServer()];
  for (const server of servers) await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const ports = servers.map((server) => (server.address() as { port: number }).port);
  for (const server of servers) await new Promise((resolve) => server.close(resolve));
  return ports;
}

/** The platform holds both listeners: it, and nobody else, accepts what connects to their ports. */
async function startWithListeners(
  client: RuntimeClient,
  directory: string,
  handler: string,
  more: Partial<RuntimeProcessOptions> = {},
) {
  const [runtimeApi = 0, awsEndpoint = 0] = await freePorts();
  const listen = `runtime-api=${runtimeApi},aws-endpoint=${awsEndpoint}`;
  const running = await startClient(client, directory, handler, { ...more, listen });
  await running.process.takeListeners(2);
  for (const [name, port] of [["runtime-api", runtimeApi] as const, ["aws-endpoint", awsEndpoint] as const]) {
    const server = running.process.listeners.get(name);
    assert.ok(server?.listening, name);
    const accepted = new Promise<void>((resolve) => {
      server.once("connection", (socket) => {
        socket.destroy();
        resolve();
      });
    });
    const socket = connect(port, "127.0.0.1").on("error", () => {});
    await accepted;
    socket.destroy();
  }
  return running;
}

for (const client of clients) {
  test(`${client.name} hands its listeners over and shows the function nothing of it`, LIMIT, async () => {
    const handler = client.language === "python" ? "values.sees" : "sees.handler";
    const running = await startWithListeners(client, directories[client.language], handler);
    try {
      const seen = json(await running.api.invoke({ payload: "{}" }));
      assert.deepEqual(seen.variables, []);
      if (client.language === "nodejs") assert.deepEqual([seen.send, seen.connected], ["undefined", false]);
      else assert.equal(running.process.child.connected, false);
    } finally {
      await running.stop();
    }
  });
}

for (const client of clients.filter(({ language }) => language === "nodejs")) {
  const ways: Record<string, Partial<RuntimeProcessOptions>> = {
    "an IPC channel of Node's": { hasChannelVariables: true },
    "NODE_OPTIONS that forbid what is below Node's servers": {
      environmentVariables: {
        NODE_OPTIONS: "--permission --allow-fs-read=* --disable-warning=SecurityWarning",
      },
    },
    "NODE_OPTIONS that have Node tell of deprecated uses": {
      environmentVariables: { NODE_OPTIONS: "--pending-deprecation" },
    },
  };
  for (const [way, more] of Object.entries(ways)) {
    test(`${client.name} hands its listeners over with ${way}`, LIMIT, async () => {
      const running = await startWithListeners(client, directories.nodejs, "sees.handler", more);
      try {
        const seen = json(await running.api.invoke({ payload: "{}" }));
        assert.deepEqual(seen.variables, []);
        assert.deepEqual([seen.send, seen.connected], ["undefined", false]);
      } finally {
        await running.stop();
      }
      assert.equal(await running.process.stderr, "");
    });
  }
}

describe("an OS-only runtime", () => {
  const provided = catalogue.find("provided.al2023");
  assert.ok(provided);
  const client: RuntimeClient = {
    name: "provided.al2023",
    language: "nodejs",
    official: false,
    command: () => commandOnHost(provided.program),
    environmentVariables: {},
  };
  const bootstrap = join(directories.provided, "bootstrap");

  test(
    "runs the function's bootstrap, which finds neither channel nor telemetry descriptor",
    LIMIT,
    async () => {
      const answer = `
      const base = "http://" + process.env.AWS_LAMBDA_RUNTIME_API + "/2018-06-01/runtime/invocation/";
      const descriptors = process.argv[2].trim().split(/\\s+/);
      (async () => {
        for (;;) {
          const next = await fetch(base + "next");
          const id = next.headers.get("lambda-runtime-aws-request-id");
          const variables = Object.keys(process.env).filter((name) => /LAMBENT|NODE_CHANNEL|TELEMETRY/.test(name));
          const body = JSON.stringify({ event: await next.json(), handler: process.env._HANDLER, variables, descriptors });
          await fetch(base + id + "/response", { method: "POST", body });
        }
      })();`;
      await writeFile(join(directories.provided, "loop.cjs"), answer);
      // The shell looks at its own descriptors before anything else opens one.
      const script = `#!/bin/bash\nexec "${process.execPath}" "$LAMBDA_TASK_ROOT/loop.cjs" "$(readlink /proc/$$/fd/*)"\n`;
      await writeFile(bootstrap, script);
      await chmod(bootstrap, 0o755);
      const running = await startWithListeners(client, directories.provided, "any.thing");
      try {
        const { event, handler, variables, descriptors } = json(
          await running.api.invoke({ payload: '{"a":1}' }),
        );
        assert.deepEqual(
          { event, handler, variables },
          { event: { a: 1 }, handler: "any.thing", variables: [] },
        );
        // Standard output and error are sockets, as the channel and the telemetry descriptor were.
        const sockets = descriptors.filter((target: string) => target.startsWith("socket:"));
        assert.equal(sockets.length, 2, descriptors.join(" "));
      } finally {
        await running.stop();
      }
    },
  );

  test("says with AWS's words why a bootstrap cannot be run", LIMIT, async () => {
    const cases: [string | undefined, number, string][] = [
      [undefined, 0, `Couldn't find valid bootstrap(s): [${bootstrap} /opt/bootstrap]`],
      ["#!/bin/sh\n", 0o644, `fork/exec ${bootstrap}: permission denied`],
      ["echo no interpreter\n", 0o755, `fork/exec ${bootstrap}: exec format error`],
      ["#!/no/such/shell\n", 0o755, `fork/exec ${bootstrap}: no such file or directory`],
    ];
    for (const [content, mode, message] of cases) {
      await rm(bootstrap, { force: true });
      if (content !== undefined) {
        await writeFile(bootstrap, content);
        await chmod(bootstrap, mode);
      }
      await withClient(client, directories.provided, "any", async ({ api, process }) => {
        const error = json(await api.initError);
        assert.deepEqual(error, { errorType: "Runtime.InvalidEntrypoint", errorMessage: message });
        assert.equal((await process.exited).code, 1);
      });
    }
  });
});
