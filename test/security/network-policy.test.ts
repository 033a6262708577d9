import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { existsSync, readFileSync, rmSync } from "node:fs";
import { mkdtemp } from "node:fs/promises";
import { connect, createServer, type Server } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, type TestContext, test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { enterPrivateMountNamespace } from "../../src/adapters/sandbox-bubblewrap/private-mount-namespace.ts";
import { deploy, invoke, lambdaClient } from "../support/deploy.ts";
import { killWatches } from "../support/leftovers.ts";
import { startNameServer } from "../support/name-server.ts";
import { canIsolate, openSandboxes } from "../support/sandboxes.ts";
import { skipUnless } from "../support/skip.ts";
import { type RunningLambent, startLambent } from "../support/start-lambent.ts";
import {
  enterThrowAwayHost,
  isOnThrowAwayHost,
  ThrowAwayNetwork,
  WORLD,
} from "../support/throw-away-network.ts";

enterThrowAwayHost();
enterPrivateMountNamespace(process.argv.slice(1));

const NFT = "/usr/sbin/nft";
const GONE_MS = 15_000;
const POSSIBLE = isOnThrowAwayHost() && existsSync(NFT);

/** Fetches over HTTP, looks names up, and connects; the bodies of the attempts below use them. */
const TOOLS = `
const { networkInterfaces } = await import("node:os");
const { get } = await import("node:http");
const { lookup: find } = await import("node:dns/promises");
const page = (host) => new Promise((resolve) => {
  get({ host, timeout: 3000 }, (response) => { let text = ""; response.on("data", (part) => { text += part; }); response.on("end", () => resolve(text)); })
    .on("error", (error) => resolve(error.code ?? String(error)));
});
const lookup = (name) => find(name).then(({ address }) => address, (error) => error.code);
const addressOf = (name) => (networkInterfaces()[name] ?? []).map(({ address }) => address);
const gateway = () => { const row = fs.readFileSync("/proc/net/route", "latin1").split("\\n").find((line) => line.split("\\t")[1] === "00000000"); return row?.split("\\t")[2].match(/../g).reverse().map((part) => parseInt(part, 16)).join("."); };
const attempts = async (targets) => Object.fromEntries(await Promise.all(targets.map(async ([host, port]) => [host + ":" + port, await connect({ host, port })])));
`;

function notReached(result: Record<string, string>): void {
  assert.ok(Object.keys(result).length > 0);
  for (const [target, outcome] of Object.entries(result)) assert.notEqual(outcome, "connected", target);
}

describe("the network policy", () => {
  let network: ThrowAwayNetwork;
  let untouched: Record<string, unknown>;
  let hostServer: Server;
  let hostPort = 0;

  before(async () => {
    if (!POSSIBLE) return;
    network = await ThrowAwayNetwork.open();
    untouched = network.traces();
    hostServer = createServer((connection) => connection.end("host"));
    await new Promise<void>((resolve) => hostServer.listen(0, "0.0.0.0", resolve));
    hostPort = (hostServer.address() as { port: number }).port;
  });
  after(async () => {
    hostServer?.close();
    await network?.close();
  });

  const possible = (t: TestContext): boolean =>
    canIsolate(t) && skipUnless(t, POSSIBLE, "nftables is missing", "apt-get install nftables, as root");

  /** Interfaces go with their namespaces, which the kernel takes apart in its own time. */
  const untilUntouched = async (): Promise<void> => {
    const deadline = performance.now() + GONE_MS;
    while (performance.now() < deadline && JSON.stringify(network.traces()) !== JSON.stringify(untouched))
      await delay(20);
    assert.deepEqual(network.traces(), untouched);
  };

  test("internet: a function reaches public addresses, as the host, and names", async (t) => {
    if (!possible(t)) return;
    const sandboxes = await openSandboxes(t, "internet");
    assert.equal(sandboxes.driver.report.network.policy, "internet");
    const { outcome } = await sandboxes.run<Record<string, unknown>>(`${TOOLS}
      return { page: await page("${WORLD.web}"), name: await lookup("service.example"), byName: await page("service.example"), large: await lookup("large.example"), ipv6: addressOf("eth0").filter((address) => address.includes(":")) };`);
    assert.deepEqual(outcome, {
      page: WORLD.host,
      name: WORLD.web,
      byName: WORLD.host,
      large: WORLD.web,
      ipv6: [],
    });
  });

  test("internet: a function reaches no host port, metadata, private range or mail server", async (t) => {
    if (!possible(t)) return;
    const sandboxes = await openSandboxes(t, "internet");
    const addresses = [...WORLD.privateAddresses, ...WORLD.metadata];
    const { outcome } = await sandboxes.run<Record<string, Record<string, string>>>(`${TOOLS}
      const host = [gateway(), "${WORLD.host}", "127.0.0.1"];
      return {
        host: await attempts(host.flatMap((address) => [[address, ${hostPort}], [address, 53]])),
        outside: await attempts(${JSON.stringify(addresses)}.map((address) => [address, 80])),
        mail: await attempts([["${WORLD.web}", 25]]),
        sanity: { [await connect({ host: "${WORLD.web}", port: 80 })]: "" },
      };`);
    assert.deepEqual(outcome.sanity, { connected: "" });
    // Refused, not lost: the function need not wait for its own deadline.
    assert.ok(!Object.values({ ...outcome.host, ...outcome.outside, ...outcome.mail }).includes("timeout"));
    notReached(outcome.host ?? {});
    notReached(outcome.outside ?? {});
    notReached(outcome.mail ?? {});
  });

  test("nobody reaches a function: neither another one nor the host", async (t) => {
    if (!possible(t)) return;
    const LISTENING = `${TOOLS}
      net.createServer((socket) => socket.end("x")).listen(8080, "0.0.0.0", () => fs.writeSync(1, "address " + addressOf("eth0")[0] + "\\n"));
      await new Promise(() => setInterval(() => {}, 1000));`;
    const [one, other] = [await openSandboxes(t, "all"), await openSandboxes(t, "internet")];
    const { sandbox, output } = await one.start(LISTENING);
    while (!output.text.includes("address "))
      await new Promise((resolve) => sandbox.stdout.once("data", resolve));
    const address = /address (\S+)/.exec(output.text)?.[1] ?? "";
    assert.match(address, /^100\./);
    const knock = `${TOOLS} return attempts([["${address}", 8080]]);`;
    notReached((await one.run<Record<string, string>>(knock)).outcome);
    notReached((await other.run<Record<string, string>>(knock)).outcome);
    const fromHost = await new Promise((resolve) => {
      const socket = connect({ host: address, port: 8080, timeout: 1_000 });
      socket.once("connect", () => resolve("connected")).once("error", ({ message }) => resolve(message));
      socket.once("timeout", () => {
        socket.destroy();
        resolve("timeout");
      });
    });
    assert.notEqual(fromHost, "connected");
    await sandbox.destroy();
  });

  test("all: private ranges too, but neither metadata nor the host nor mail servers", async (t) => {
    if (!possible(t)) return;
    const sandboxes = await openSandboxes(t, "all");
    const { outcome } = await sandboxes.run<Record<string, Record<string, string>>>(`${TOOLS}
      return {
        inner: await attempts(${JSON.stringify(WORLD.privateAddresses)}.map((address) => [address, 80])),
        forbidden: await attempts([["${WORLD.host}", ${hostPort}], [gateway(), ${hostPort}], ["${WORLD.privateAddresses[0]}", 25], ...${JSON.stringify(WORLD.metadata)}.map((address) => [address, 80])]),
      };`);
    assert.deepEqual([...new Set(Object.values(outcome.inner ?? {}))], ["connected"]);
    notReached(outcome.forbidden ?? {});
  });

  test("none: nothing at all, and the host is as it was", async (t) => {
    if (!possible(t)) return;
    const sandboxes = await openSandboxes(t, "none");
    assert.deepEqual(network.traces(), untouched);
    const { outcome } = await sandboxes.run<Record<string, unknown>>(`${TOOLS}
      return { name: await lookup("service.example"), outside: await attempts([["${WORLD.web}", 80], ["${WORLD.nameServer}", 53], ["${WORLD.host}", ${hostPort}]]), interfaces: fs.readdirSync("/proc/sys/net/ipv4/conf").sort() };`);
    assert.notEqual(outcome.name, WORLD.web);
    notReached(outcome.outside as Record<string, string>);
    assert.deepEqual(outcome.interfaces, ["all", "default", "lo"]);
  });

  test("a resolver at a private address answers, and nothing else there", async (t) => {
    if (!possible(t)) return;
    const [, , address] = WORLD.privateAddresses;
    await network.resolveWith(address);
    t.after(() => network.resolveWith(WORLD.nameServer));
    const sandboxes = await openSandboxes(t, "internet");
    const { outcome } = await sandboxes.run<Record<string, unknown>>(`${TOOLS}
      return { small: await lookup("service.example"), large: await lookup("large.example"), web: await attempts([["${address}", 80]]) };`);
    assert.equal(outcome.small, WORLD.web);
    assert.equal(outcome.large, WORLD.web);
    notReached(outcome.web as Record<string, string>);
  });

  test("a firewall of the machine that forwards nothing is pointed out", async (t) => {
    if (!possible(t)) return;
    execFileSync(NFT, [
      "add table ip theirs; add chain ip theirs FORWARD { type filter hook forward priority 0; policy drop; }",
    ]);
    t.after(() => execFileSync(NFT, ["delete table ip theirs"]));
    const { driver } = await openSandboxes(t, "internet");
    assert.match(
      driver.report.advice.join("\n"),
      /table theirs, chain FORWARD.*iptables -I FORWARD -i lmb\+ -j ACCEPT/,
    );
  });

  test("the rules come back when somebody flushes all of the machine's", async (t) => {
    if (!possible(t)) return;
    const sandboxes = await openSandboxes(t, "internet");
    const before = network.traces().tables;
    execFileSync(NFT, ["flush ruleset"]);
    const deadline = performance.now() + GONE_MS;
    while (performance.now() < deadline && network.traces().tables !== before) await delay(20);
    const { outcome } = await sandboxes.run<Record<string, Record<string, string>>>(`${TOOLS}
      return { host: await attempts([["${WORLD.host}", ${hostPort}]]), web: await attempts([["${WORLD.web}", 80]]) };`);
    assert.deepEqual(Object.values(outcome.web ?? {}), ["connected"]);
    notReached(outcome.host ?? {});
    await sandboxes.driver.close();
    await untilUntouched();
  });

  test("one function does not fill the host's table of connections, and others go on", async (t) => {
    if (!possible(t)) return;
    const sandboxes = await openSandboxes(t, "internet");
    const remembered = (): number =>
      Number(readFileSync("/proc/sys/net/netfilter/nf_conntrack_count", "latin1"));
    const earlier = remembered();
    // Nobody is at these addresses; the exchange is remembered all the same.
    const { outcome } = await sandboxes.run<{ sent: string; web: Record<string, string> }>(`${TOOLS}
      const sent = python(${JSON.stringify(`
import socket
outgoing = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
sent = 0
for port in range(1024, 21024):
    try: outgoing.sendto(b"x", ("198.51.100.200", port)); sent += 1
    except OSError: pass
print(sent)
`)});
      return { sent, web: await attempts([["${WORLD.web}", 80]]) };`);
    assert.ok(Number(outcome.sent) > 8_000, outcome.sent);
    assert.ok(remembered() - earlier < 4_200, `${remembered() - earlier} connections are remembered`);
    const other = await sandboxes.run<Record<string, string>>(
      `${TOOLS} return attempts([["${WORLD.web}", 80]]);`,
    );
    assert.deepEqual(Object.values(other.outcome), ["connected"]);
    await sandboxes.driver.close();
    await untilUntouched();
  });

  test("a resolver that only the host can ask answers through Lambent, and is not reached otherwise", async (t) => {
    if (!possible(t)) return;
    const local = await startNameServer("127.0.0.53", WORLD.web);
    await network.resolveWith("127.0.0.53");
    t.after(async () => {
      local.close();
      await network.resolveWith(WORLD.nameServer);
    });
    const sandboxes = await openSandboxes(t, "internet");
    const { outcome } = await sandboxes.run<Record<string, unknown>>(`${TOOLS}
      return { small: await lookup("service.example"), large: await lookup("large.example"), page: await page("service.example"), host: await attempts([[gateway(), ${hostPort}], ["${WORLD.host}", 53]]) };`);
    assert.equal(outcome.small, WORLD.web);
    assert.equal(outcome.large, WORLD.web);
    assert.equal(outcome.page, WORLD.host);
    assert.ok(local.asked.udp > 0 && local.asked.tcp > 0, JSON.stringify(local.asked));
    notReached(outcome.host as Record<string, string>);
    await sandboxes.driver.close();
    await untilUntouched();
  });

  describe("of a running Lambent", () => {
    const FETCHING = `export const handler = async ({ url }) => (await fetch(url, { signal: AbortSignal.timeout(3000) })).text();`;
    const running = async (
      dataDirectory: string,
    ): Promise<{ lambent: RunningLambent; fetched: () => Promise<unknown> }> => {
      const lambent = await startLambent({ dataDirectory });
      const lambda = lambdaClient(lambent.endpoint);
      const fetched = async (): Promise<unknown> =>
        (await invoke(lambda, "fetching", { url: "http://service.example/" })).body;
      return { lambent, fetched };
    };
    const directory = async (t: TestContext): Promise<string> => {
      const path = await mkdtemp(join(tmpdir(), "lambent-network-"));
      t.after(() => rmSync(path, { recursive: true, force: true }));
      return path;
    };

    test("is internet without being asked, in banner and health, and leaves nothing behind", async (t) => {
      if (!possible(t)) return;
      const { lambent, fetched } = await running(await directory(t));
      await deploy(lambdaClient(lambent.endpoint), "fetching", { "index.mjs": FETCHING });
      assert.equal(await fetched(), WORLD.host);
      assert.match(lambent.banner.join("\n"), /network {4}internet: /);
      const health = (await (await fetch(`${lambent.endpoint}/health`)).json()) as {
        isolation: { network: { policy: string } };
      };
      assert.equal(health.isolation.network.policy, "internet");
      assert.equal(await lambent.stop(), 0);
      await untilUntouched();
    });

    test("is taken back after kill -9, at once or by the next start", async (t) => {
      if (!possible(t)) return;
      const dataDirectory = await directory(t);
      const first = await running(dataDirectory);
      await deploy(lambdaClient(first.lambent.endpoint), "fetching", { "index.mjs": FETCHING });
      assert.equal(await first.fetched(), WORLD.host);
      await first.lambent.kill();
      await untilUntouched();
      const second = await running(dataDirectory);
      assert.equal(await second.fetched(), WORLD.host);
      assert.equal(killWatches(dataDirectory), 1);
      await second.lambent.kill();
      const third = await startLambent({ dataDirectory, arguments: ["--network", "none"] });
      await untilUntouched();
      await third.stop();
    });

    test("is not disturbed by a second Lambent that stops", async (t) => {
      if (!possible(t)) return;
      const [first, second] = [await running(await directory(t)), await running(await directory(t))];
      await deploy(lambdaClient(second.lambent.endpoint), "fetching", { "index.mjs": FETCHING });
      assert.equal(await second.fetched(), WORLD.host);
      await first.lambent.stop();
      assert.equal(await second.fetched(), WORLD.host);
      await second.lambent.stop();
      await untilUntouched();
    });
  });
});
