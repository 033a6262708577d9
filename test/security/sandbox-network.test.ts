import assert from "node:assert/strict";
import { once } from "node:events";
import * as http from "node:http";
import { request } from "node:http";
import { type AddressInfo, createServer } from "node:net";
import { networkInterfaces } from "node:os";
import { test } from "node:test";
import { enterPrivateMountNamespace } from "../../src/adapters/sandbox-bubblewrap/private-mount-namespace.ts";
import { canIsolate, openSandboxes } from "../support/sandboxes.ts";

enterPrivateMountNamespace(process.argv.slice(1));

test("nothing of the host's network is reached", async (t) => {
  if (!canIsolate(t)) return;
  const sandboxes = await openSandboxes(t);
  const onLoopback = createServer().listen(0, "127.0.0.1");
  const everywhere = createServer().listen(0, "0.0.0.0");
  // A name in the abstract namespace: such sockets have no file that could be hidden.
  const abstract = createServer().listen("\0lambent-sandbox-test");
  for (const server of [onLoopback, everywhere, abstract]) {
    t.after(() => server.close());
    if (!server.listening) await once(server, "listening");
    server.on("connection", (socket) => {
      socket.destroy();
      assert.fail("a sandbox has connected to the host");
    });
  }
  const address = Object.values(networkInterfaces())
    .flat()
    .find((entry) => entry?.family === "IPv4" && !entry.internal)?.address;
  const targets = [
    { host: "127.0.0.1", port: (onLoopback.address() as AddressInfo).port },
    { host: address ?? "127.0.0.1", port: (everywhere.address() as AddressInfo).port },
    { path: "\0lambent-sandbox-test" },
    { host: "169.254.169.254", port: 80 },
    { host: "8.8.8.8", port: 53 },
    { host: "::1", port: (everywhere.address() as AddressInfo).port },
    { path: "/run/dbus/system_bus_socket" },
    { path: "/var/run/docker.sock" },
  ];
  const { outcome } = await sandboxes.run<{ connections: string[]; interfaces: string[]; lookup: string }>(`
    const connections = [];
    for (const target of ${JSON.stringify(targets)}) connections.push(await connect(target));
    const os = await import("node:os");
    const dns = await import("node:dns/promises");
    const lookup = await dns.lookup("example.com").then(() => "found", (error) => error.code);
    return { connections, interfaces: Object.keys(os.networkInterfaces()), lookup };`);
  for (const [index, result] of outcome.connections.entries())
    assert.ok(
      ["ECONNREFUSED", "ENETUNREACH", "ENOENT", "EADDRNOTAVAIL", "EHOSTUNREACH"].includes(result),
      `${JSON.stringify(targets[index])}: ${result}`,
    );
  assert.deepEqual(outcome.interfaces, ["lo"]);
  assert.match(outcome.lookup, /^(EAI_AGAIN|ENOTFOUND)$/);
});

test("raw, packet and other unusual sockets are refused", async (t) => {
  if (!canIsolate(t)) return;
  const sandboxes = await openSandboxes(t);
  const { outcome } = await sandboxes.run<Record<string, string>>(`
    return JSON.parse(python(${JSON.stringify(`
import json, socket
result = {}
for name, arguments in {"raw": (2, 3, 1), "packet": (17, 3, 0), "alg": (38, 5, 0), "vsock": (40, 1, 0), "netlink audit": (16, 3, 9), "bluetooth": (31, 3, 1), "tcp": (2, 1, 0), "unix": (1, 1, 0), "route": (16, 3, 0)}.items():
    try:
        socket.socket(*arguments).close()
        result[name] = "open"
    except OSError as error:
        result[name] = error.strerror
print(json.dumps(result))
`)}));`);
  const open = Object.entries(outcome)
    .filter(([, result]) => result === "open")
    .map(([name]) => name);
  assert.deepEqual(open.sort(), ["route", "tcp", "unix"]);
});

test("requests from inside reach the listeners that the host holds, from no other sandbox", async (t) => {
  if (!canIsolate(t)) return;
  const sandboxes = await openSandboxes(t);
  const ask = `
    const http = await import("node:http");
    const get = (port) => new Promise((resolve) => http.get({ host: "127.0.0.1", port, path: "/from-inside" }, (response) => { let text = ""; response.on("data", (chunk) => { text += chunk; }); response.on("end", () => resolve(text)); }).on("error", (error) => resolve(error.code)));
    return [await get(9001), await get(4566)];`;
  for (const name of ["first", "second"]) {
    const { sandbox, output } = await sandboxes.start(ask);
    for (const [door, listener] of [
      ["runtime", sandbox.runtimeApi],
      ["endpoint", sandbox.awsEndpoint],
    ] as const) {
      const server = http.createServer((incoming, response) =>
        response.end(`${name} ${door} ${incoming.url}`),
      );
      listener.on("connection", (socket) => server.emit("connection", socket));
    }
    const said = new Promise((resolve) => sandbox.stdout.once("end", resolve));
    await sandbox.exited;
    await sandbox.destroy();
    await said;
    assert.match(
      output.text,
      new RegExp(`OUTCOME \\["${name} runtime /from-inside","${name} endpoint /from-inside"\\]`),
    );
  }
});

test("the host cannot be reached through the port numbers of a sandbox, nor the other way round", async (t) => {
  if (!canIsolate(t)) return;
  const sandboxes = await openSandboxes(t);
  await sandboxes.start("await new Promise(() => setInterval(() => {}, 1000));");
  const failure = await new Promise((resolve) => {
    request({ host: "127.0.0.1", port: 9001, timeout: 500 })
      .on("error", (error) => resolve((error as NodeJS.ErrnoException).code))
      .on("response", () => resolve("answered"))
      .end();
  });
  assert.equal(failure, "ECONNREFUSED");
});
