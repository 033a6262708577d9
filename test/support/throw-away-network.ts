import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, readFileSync, readlinkSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

const MARKER = "LAMBENT_TEST_NETWORK_NAMESPACE_OF";
const UNSHARE = "/usr/bin/unshare";
const INTERNET_PROGRAM = join(import.meta.dirname, "../security/fixtures/internet.ts");

/** The addresses of the world outside, from the ranges for documentation, and some that must not be reached. */
export const WORLD = {
  host: "203.0.113.2",
  web: "198.51.100.10",
  nameServer: "198.51.100.53",
  privateAddresses: ["10.77.0.10", "172.20.0.10", "192.168.77.10", "100.127.0.10"],
  metadata: ["169.254.169.254", "169.254.170.2", "100.100.100.200", "168.63.129.16"],
} as const;

function marker(): string {
  return `${process.pid}:${readlinkSync("/proc/self/ns/net")}`;
}

/** Whether this process has a network namespace of its own, which stands for a host. */
export function isOnThrowAwayHost(): boolean {
  const [processId, before] = (process.env[MARKER] ?? "").split(/:(.*)/s);
  return processId === String(process.pid) && before !== readlinkSync("/proc/self/ns/net");
}

/**
 * Puts this test file into a network namespace of its own, by replacing it with itself, so that nothing it does
 * concerns the machine's network or leaves it. Call first.
 */
export function enterThrowAwayHost(): void {
  if (process.platform !== "linux" || process.getuid?.() !== 0 || isOnThrowAwayHost()) return;
  if (process.execve === undefined || !existsSync(UNSHARE)) return;
  const command = [process.execPath, ...process.execArgv, ...process.argv.slice(1)];
  process.execve(UNSHARE, [UNSHARE, "--net", "--", ...command], { ...process.env, [MARKER]: marker() });
}

function run(program: string, ...parameters: string[]): string {
  return execFileSync(program, parameters, { encoding: "utf8" });
}

/** The network of the throw-away host: a default route into a second namespace, in which "the internet" runs. */
export class ThrowAwayNetwork {
  readonly #internet: ChildProcess;
  readonly #directory: string;

  private constructor(internet: ChildProcess, directory: string) {
    this.#internet = internet;
    this.#directory = directory;
  }

  /** Needs a private mount namespace too: /etc/resolv.conf is replaced in it. */
  static async open(): Promise<ThrowAwayNetwork> {
    const program = `ip link set lo up; echo up; read go; exec "$0" "$1"`;
    const internet = spawn(
      UNSHARE,
      ["--net", "--", "/bin/sh", "-c", program, process.execPath, INTERNET_PROGRAM],
      { stdio: ["pipe", "pipe", "inherit"] },
    );
    await once(internet.stdout, "data");
    const processId = String(internet.pid);
    run("ip", "link", "set", "lo", "up");
    run("ip", "link", "add", "wan", "type", "veth", "peer", "name", "wan", "netns", processId);
    run("ip", "address", "add", `${WORLD.host}/24`, "dev", "wan");
    run("ip", "link", "set", "wan", "up");
    const inside = ["--target", processId, "--net", "--", "ip"];
    run("nsenter", ...inside, "address", "add", "203.0.113.1/24", "dev", "wan");
    run("nsenter", ...inside, "link", "set", "wan", "up");
    for (const address of [WORLD.web, WORLD.nameServer, ...WORLD.privateAddresses, ...WORLD.metadata])
      run("nsenter", ...inside, "address", "add", `${address}/32`, "dev", "lo");
    run("ip", "route", "add", "default", "via", "203.0.113.1");
    internet.stdin.write("go\n");
    await once(internet.stdout, "data");
    const directory = await mkdtemp(join(tmpdir(), "lambent-network-test-"));
    const network = new ThrowAwayNetwork(internet, directory);
    await network.resolveWith(WORLD.nameServer);
    run("mount", "--bind", network.#resolverFile(), "/etc/resolv.conf");
    return network;
  }

  /** From now on /etc/resolv.conf of the host names this server. */
  async resolveWith(address: string): Promise<void> {
    await writeFile(this.#resolverFile(), `nameserver ${address}\n`);
  }

  async close(): Promise<void> {
    run("umount", "/etc/resolv.conf");
    await rm(this.#directory, { recursive: true, force: true });
    const ended = once(this.#internet, "exit");
    this.#internet.stdin?.end();
    await ended;
  }

  /** What can be left behind on the host: interfaces, their addresses, rules, forwarding. */
  traces(): Record<string, unknown> {
    const links = JSON.parse(run("ip", "-json", "address")) as {
      ifname: string;
      addr_info: { local: string }[];
    }[];
    return {
      interfaces: links.map(({ ifname }) => ifname).sort(),
      loopback: links.find(({ ifname }) => ifname === "lo")?.addr_info.map(({ local }) => local),
      tables: run("nft", "list", "tables").trim(),
      forwarding: ["all", "default", "wan"].map((name) =>
        readFileSync(`/proc/sys/net/ipv4/conf/${name}/forwarding`, "utf8").trim(),
      ),
    };
  }

  #resolverFile(): string {
    return join(this.#directory, "resolv.conf");
  }
}
