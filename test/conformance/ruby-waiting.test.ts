/** Our Ruby client in an environment that waits for its function. */
import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import { type AddressInfo, createServer as createTcpServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { rubyClients } from "../support/ruby-clients.ts";
import { RuntimeProcess } from "../support/runtime-process.ts";

const LIMIT = { timeout: 60_000 };

const CASES = `
def sees(event:, context:)
  { variables: ENV.keys.grep(/LAMBENT|NODE_CHANNEL|TELEMETRY/), sockets: Dir.glob('/proc/self/fd/*').count { |fd| File.basename(fd).to_i > 2 && File.symlink?(fd) && File.readlink(fd).start_with?('socket:') },
    mine: ENV['MINE'], secret: ENV['SECRET'], directory: Dir.pwd }
end
`;

const directory = await mkdtemp(join(tmpdir(), "lambent-ruby-"));
after(() => rm(directory, { recursive: true, force: true }));
await writeFile(join(directory, "cases.rb"), CASES);

async function freePort(): Promise<number> {
  const server = createTcpServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

for (const ruby of await rubyClients())
  test(
    `${ruby.name}: a generic process hands its listeners over, waits, and becomes the function it is assigned to`,
    LIMIT,
    async (t) => {
      const command = await ruby.command(t);
      if (command === undefined) return;
      const assigned = Promise.withResolvers<void>();
      const answered = Promise.withResolvers<{ path: string; body: string }>();
      const api = createServer((request, response) => {
        if (request.url === "/lambent/assignment") {
          const environmentVariables = {
            _HANDLER: "cases.sees",
            LAMBDA_TASK_ROOT: directory,
            MINE: "assigned",
            RUBYLIB: "/nowhere",
            TZ: ":UTC",
          };
          void assigned.promise.then(() => response.end(`${JSON.stringify({ environmentVariables })}\n`));
        } else if (request.url === "/lambent/channel") {
          response.writeHead(404).end();
        } else if (request.url?.endsWith("/invocation/next")) {
          response.writeHead(200, {
            "Lambda-Runtime-Aws-Request-Id": "r-1",
            "Content-Type": "application/json",
          });
          response.end("{}");
        } else {
          const chunks: Buffer[] = [];
          request.on("data", (chunk: Buffer) => chunks.push(chunk));
          request.on("end", () =>
            answered.resolve({ path: request.url ?? "", body: Buffer.concat(chunks).toString() }),
          );
        }
      });
      const port = await freePort();
      const process = new RuntimeProcess({
        command,
        cwd: tmpdir(),
        listen: `runtime-api=${port}`,
        environmentVariables: {
          LAMBENT_RESERVE: "1",
          AWS_LAMBDA_RUNTIME_API: `127.0.0.1:${port}`,
          SECRET: "no",
        },
      });
      try {
        await process.takeListeners(1);
        process.listeners.get("runtime-api")?.on("connection", (socket) => api.emit("connection", socket));
        assigned.resolve();
        const { path, body } = await answered.promise;
        assert.equal(path, "/2018-06-01/runtime/invocation/r-1/response");
        const { variables, mine, secret, directory: seen, sockets } = JSON.parse(body);
        assert.deepEqual([variables, mine, secret, seen], [[], "assigned", null, directory]);
        // The connection to the Runtime API and telemetry, a socket here, and neither the channel nor a listener.
        assert.equal(sockets, 2);
      } finally {
        await process.stop();
        api.closeAllConnections();
      }
    },
  );
