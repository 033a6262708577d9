import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { existsSync, readFileSync } from "node:fs";
import type { Server } from "node:net";
import { networkInterfaces } from "node:os";
import { METADATA_ADDRESSES } from "../../../core/metadata-addresses.ts";
import { findProgram, requireProgram } from "../programs.ts";
import { runCommand } from "../run-command.ts";
import { type AddressBlock, addressBlocks } from "./address-block.ts";
import { countingRules, type FirewallSettings, firewallRules } from "./firewall-rules.ts";
import { forwards, type Route, restoreForwarding, routedInterfaces, setForwarding } from "./forwarding.ts";
import { IpCommands } from "./ip-commands.ts";
import { listedRules } from "./listed-rules.ts";
import { NameForwarder } from "./name-forwarder.ts";
import { locked, tryLock } from "./name-lock.ts";
import { INTERFACE_PREFIX, type OutboundPolicy, TABLE_PREFIX } from "./network-policy.ts";
import { OutboundNetwork, type OutboundNetworkParts } from "./outbound-network.ts";
import { type Resolvers, sortResolvers } from "./resolvers.ts";
import { watchTable } from "./rules-watch.ts";

/** Of the answer to `ip -json link`. Not from /sys, which may show another network namespace than this process's. */
interface HostLink {
  readonly ifname: string;
  readonly mtu: number;
}

/** Two Lambents must not change the host at once. */
const CHANGES_LOCK = "lambent-network";
/** An interface name has 15 characters: prefix, this many, a letter and a number of up to four digits. */
const INSTANCE_CHARACTERS = 6;
const USUAL_MTU = 1_500;

/** Programs of the operating system that it needs, with Debian's names of their packages. */
export const NETWORK_PROGRAMS: Readonly<Record<string, string>> = {
  nft: "nftables",
  ip: "iproute2",
  nsenter: "util-linux",
  unshare: "util-linux",
  setpriv: "util-linux",
};

interface Names {
  readonly table: string;
  readonly interfacePrefix: string;
}

function namesOf(instance: string): Names {
  return {
    table: `${TABLE_PREFIX}${instance}`,
    interfacePrefix: `${INTERFACE_PREFIX}${instance.slice(0, INSTANCE_CHARACTERS)}`,
  };
}

/** What is taken back, last first. */
type Closers = (() => unknown)[];

async function runAll(closers: Closers): Promise<void> {
  for (let close = closers.pop(); close !== undefined; close = closers.pop()) await close();
}

/**
 * Opens the way out for the sandboxes of an instance: rules, addresses, forwarding, name servers; then tries it with
 * a namespace of its own. What an earlier run of the instance has left is replaced. Rejects with the reason where
 * this machine does not allow it, leaving nothing behind.
 */
export async function openOutboundNetwork(
  instance: string,
  policy: Exclude<OutboundPolicy, "none">,
): Promise<OutboundNetwork> {
  for (const [name, debianPackage] of Object.entries(NETWORK_PROGRAMS)) requireProgram(name, debianPackage);
  const closers: Closers = [];
  try {
    const names = namesOf(instance);
    await removeLeftovers(names);
    const routes = JSON.parse(
      await runCommand("ip", "-json", "-4", "route", "show", "table", "all"),
    ) as Route[];
    const resolvers = findResolvers();
    const { block, lock } = await claimBlock(instance, [
      ...routes.map(({ dst }) => dst),
      ...resolvers.direct,
    ]);
    closers.push(() => lock.close());
    const ip = new IpCommands();
    closers.push(() => ip.close());
    const forwarder = await openForwarder({ names, ip, block, resolvers, closers });
    const settings = {
      ...names,
      range: block.range,
      gateway: block.gateway,
      policy,
      resolvers: resolvers.direct,
      nameForwarderPort: forwarder?.port,
      countsConnections: await countsConnections(names.table),
    };
    closers.push(() => removeRules(names.table));
    closers.push(await keepRules(settings, routedInterfaces(routes)));
    const parts: OutboundNetworkParts = {
      ip,
      block,
      interfacePrefix: names.interfacePrefix,
      mtu: smallestMtu(await hostLinks(), routedInterfaces(routes)),
      nsenter: requireProgram("nsenter", "util-linux"),
      nameServers: [...resolvers.direct, ...(forwarder === undefined ? [] : [block.gateway])],
      close: () => runAll(closers),
    };
    const network = new OutboundNetwork(parts);
    await tryOut(network);
    return network;
  } catch (error) {
    await runAll(closers);
    throw error;
  }
}

/** Removes what an earlier run of an instance has left, where no run opens a way out now. */
export async function sweepOutboundNetwork(instance: string): Promise<void> {
  if (findProgram("nft") === undefined || findProgram("ip") === undefined) return;
  const names = namesOf(instance);
  await removeLeftovers(names);
  if ((await lambentTables()).includes(names.table)) await removeRules(names.table);
}

/** The host's address for the name forwarder; pairs of sandboxes are gone with their namespaces. */
function forwarderInterface({ interfacePrefix }: Names): string {
  return `${interfacePrefix}r`;
}

async function removeLeftovers(names: Names): Promise<void> {
  const name = forwarderInterface(names);
  if ((await hostLinks()).some(({ ifname }) => ifname === name))
    await runCommand("ip", "link", "delete", "dev", name);
}

async function hostLinks(): Promise<HostLink[]> {
  return JSON.parse(await runCommand("ip", "-json", "link")) as HostLink[];
}

async function claimBlock(
  instance: string,
  taken: readonly string[],
): Promise<{ block: AddressBlock; lock: Server }> {
  const preference = createHash("sha256").update(instance).digest().readUInt32BE(0);
  for (const block of addressBlocks([...taken, ...METADATA_ADDRESSES], preference)) {
    const lock = await tryLock(`${CHANGES_LOCK}-${block.range}`);
    if (lock !== undefined) return { block, lock };
  }
  throw new Error("no range of addresses is free on this machine");
}

function findResolvers(): Resolvers {
  const read = (path: string): string | undefined =>
    existsSync(path) ? readFileSync(path, "utf8") : undefined;
  const addresses = Object.values(networkInterfaces()).flatMap((list) =>
    (list ?? []).map(({ address }) => address),
  );
  const upstream = read("/run/systemd/resolve/resolv.conf");
  return sortResolvers(read("/etc/resolv.conf") ?? "", upstream, addresses);
}

/** Undefined where sandboxes can ask every resolver themselves. */
async function openForwarder(parts: {
  readonly names: Names;
  readonly ip: IpCommands;
  readonly block: AddressBlock;
  readonly resolvers: Resolvers;
  readonly closers: Closers;
}): Promise<NameForwarder | undefined> {
  const { names, ip, block, resolvers, closers } = parts;
  if (resolvers.hostOnly.length === 0) return undefined;
  const name = forwarderInterface(names);
  // The gateway's address stands on the sandboxes' interfaces only, and there are none yet.
  await ip.run([
    `link add name ${name} type veth peer name ${names.interfacePrefix}s`,
    `address add ${block.gateway} dev ${name}`,
  ]);
  closers.push(() => ip.run([`link delete dev ${name}`]).catch(() => {}));
  const forwarder = await NameForwarder.open(block.gateway, resolvers.hostOnly);
  closers.push(() => forwarder.close());
  return forwarder;
}

/** Applies the rules, and again whenever somebody else removes them. Returns what ends that. */
async function keepRules(
  settings: Omit<FirewallSettings, "openedInterfaces">,
  interfaces: readonly string[],
): Promise<() => void> {
  const opened = await locked(CHANGES_LOCK, () => applyRules(settings, interfaces));
  let ended = false;
  const restore = async (): Promise<void> => {
    // Replacing a table is reported as its removal, too.
    if (ended || (await lambentTables()).includes(settings.table)) return;
    await loadRules(firewallRules({ ...settings, openedInterfaces: opened }));
  };
  const endWatch = watchTable(settings.table, () => {
    locked(CHANGES_LOCK, restore).catch(() => {});
  });
  return () => {
    ended = true;
    endWatch();
  };
}

/**
 * Loads the rules and then turns forwarding on where it is off. The rules say where, so that whoever comes after a
 * sudden end of this process can take it back. Returns where that is.
 */
async function applyRules(
  settings: Omit<FirewallSettings, "openedInterfaces">,
  interfaces: readonly string[],
): Promise<readonly string[]> {
  const openedBefore = await openedInterfaces(await lambentTables());
  const opened = interfaces.filter((name) => !forwards(name) || openedBefore.includes(name));
  await loadRules(firewallRules({ ...settings, openedInterfaces: opened }));
  for (const name of opened) if (!forwards(name)) setForwarding(name, true);
  return opened;
}

/** Kernels can be built without. */
function countsConnections(table: string): Promise<boolean> {
  return loadRules(countingRules(`${table}_counting`), "--check").then(
    () => true,
    () => false,
  );
}

function removeRules(table: string): Promise<void> {
  return locked(CHANGES_LOCK, async () => {
    if (!(await lambentTables()).includes(table)) return;
    const opened = await openedInterfaces([table]);
    await runCommand("nft", "delete", "table", "inet", table);
    const stillUsed = await openedInterfaces(await lambentTables());
    restoreForwarding(opened.filter((name) => !stillUsed.includes(name)));
  });
}

async function lambentTables(): Promise<string[]> {
  const answer = (await listedRules("tables", "inet")) as { nftables: { table?: { name: string } }[] };
  return answer.nftables
    .flatMap(({ table }) => (table === undefined ? [] : [table.name]))
    .filter((name) => name.startsWith(TABLE_PREFIX));
}

async function openedInterfaces(tables: readonly string[]): Promise<string[]> {
  const names: string[] = [];
  for (const table of tables) {
    const answer = (await listedRules("set", "inet", table, "opened")) as {
      nftables: { set?: { elem?: string[] } }[];
    };
    names.push(...answer.nftables.flatMap(({ set }) => set?.elem ?? []));
  }
  return names;
}

async function loadRules(rules: string, ...options: readonly string[]): Promise<void> {
  const nft = spawn(requireProgram("nft", "nftables"), [...options, "-f", "-"], {
    cwd: "/",
    env: { LC_ALL: "C" },
    stdio: ["pipe", "ignore", "pipe"],
  });
  let said = "";
  nft.stderr.setEncoding("utf8").on("data", (text: string) => {
    said += text;
  });
  nft.stdin.on("error", () => {});
  nft.stdin.end(rules);
  const [code] = (await once(nft, "close")) as [number | null];
  if (code !== 0) throw new Error(`nft: ${said.trim().split("\n")[0] ?? `exit status ${code}`}`);
}

/** So that nothing has to be broken into pieces on the way. */
function smallestMtu(links: readonly HostLink[], interfaces: readonly string[]): number {
  const sizes = links.filter(({ ifname }) => interfaces.includes(ifname)).map(({ mtu }) => mtu);
  return Math.min(USUAL_MTU, ...sizes);
}

/** Connects a namespace that is gone right after. */
async function tryOut(network: OutboundNetwork): Promise<void> {
  const program = requireProgram("unshare", "util-linux");
  const child = spawn(program, ["--net", "--", "/bin/sh", "-c", "echo; exec cat"], {
    cwd: "/",
    env: {},
    stdio: ["pipe", "pipe", "ignore"],
  });
  const ended = once(child, "exit");
  const link = network.newLink();
  try {
    await Promise.race([once(child.stdout, "data"), ended]);
    await link.connect({ firstProcess: child.pid ?? 0, parent: process.pid, group: undefined });
  } finally {
    child.stdin.on("error", () => {});
    child.stdin.end();
    await ended;
    link.release();
  }
}
