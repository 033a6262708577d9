import { METADATA_ADDRESSES } from "../../../core/metadata-addresses.ts";
import { INTERFACE_PREFIX, type OutboundPolicy, PRIVATE_RANGES, UNUSABLE_RANGES } from "./network-policy.ts";

/** What one Lambent's rules are made from. */
export interface FirewallSettings {
  readonly table: string;
  /** What the names of this Lambent's interfaces begin with. */
  readonly interfacePrefix: string;
  /** The addresses of its sandboxes, as `address/length`. */
  readonly range: string;
  /** The host's address on each of its links. */
  readonly gateway: string;
  readonly policy: Exclude<OutboundPolicy, "none">;
  /** Interfaces of the host that forward only because a Lambent wants it. */
  readonly openedInterfaces: readonly string[];
  /** Name servers that sandboxes ask directly. */
  readonly resolvers: readonly string[];
  /** The port of the gateway on which Lambent itself answers questions for names. */
  readonly nameForwarderPort: number | undefined;
  /** Whether the kernel counts the connections of an address. */
  readonly countsConnections: boolean;
}

/** A refusal tells the function at once. Resets, as the kernel sends few ICMP messages a second. */
const REFUSE = "goto refused";
const REFUSAL = [
  "chain refused {",
  "meta l4proto tcp reject with tcp reset",
  "reject with icmpx type admin-prohibited",
  "}",
];
const SMTP_PORT = 25;
/**
 * The kernel remembers every connection and every exchange of datagrams, of all that the host speaks to in one table of
 * limited size. AWS: an environment has 1,024 descriptors.
 */
const CONNECTIONS_MAX = 4_096;
/** The addresses of sandboxes are no more. */
const ADDRESSES_MAX = 65_536;
const CONNECTION_COUNTS = `set connections { type ipv4_addr; size ${ADDRESSES_MAX}; flags dynamic; }`;
const COUNT_CONNECTIONS = `ct state new add @connections { ip saddr ct count over ${CONNECTIONS_MAX} }`;

/** Rules that show whether the kernel counts the connections of an address, for a table that is never made. */
export const countingRules = (table: string): string =>
  [
    `table inet ${table} {`,
    CONNECTION_COUNTS,
    "chain counting {",
    "type filter hook prerouting priority -150; policy accept;",
    `${COUNT_CONNECTIONS} drop`,
    "}",
    "}\n",
  ].join("\n");

function nameSet(name: string, type: string, elements: readonly string[]): string {
  const listed = elements.map((element) => `"${element}"`).join(", ");
  return `set ${name} { type ${type};${elements.length > 0 ? ` elements = { ${listed} };` : ""} }`;
}

function chain(name: string, hook: string, rules: readonly string[]): string {
  return [`chain ${name} {`, `type ${hook}; policy accept;`, ...rules, "}"].join("\n");
}

/**
 * The rules for `nft -f -`, which replace this Lambent's earlier ones in one step. Everything stands in a table of its
 * own and concerns its own interfaces, so that other rules of the machine, and other Lambents, are not touched.
 */
export function firewallRules(settings: FirewallSettings): string {
  const { table, nameForwarderPort, countsConnections } = settings;
  const chains = [arriving(settings), input(settings), forward(settings), output(settings)];
  if (nameForwarderPort !== undefined) chains.push(redirection(settings, nameForwarderPort));
  chains.push(masquerade(settings));
  return [
    `table inet ${table}`,
    `delete table inet ${table}`,
    `table inet ${table} {`,
    nameSet("opened", "ifname", settings.openedInterfaces),
    ...(countsConnections ? [CONNECTION_COUNTS] : []),
    ...REFUSAL,
    ...chains,
    "}\n",
  ].join("\n");
}

/** Before any rule of others can turn the destination: the host's addresses, forged sources and IPv6 end here. */
function arriving(settings: FirewallSettings): string {
  const { interfacePrefix, gateway, nameForwarderPort, countsConnections } = settings;
  return chain("arriving", "filter hook prerouting priority -150", [
    `iifname != "${interfacePrefix}*" return`,
    "meta nfproto ipv6 drop",
    "fib saddr . iif oif missing drop",
    ...(countsConnections ? [`${COUNT_CONNECTIONS} ${REFUSE}`] : []),
    ...(nameForwarderPort === undefined
      ? []
      : [`ip daddr ${gateway} meta l4proto { tcp, udp } th dport 53 return`]),
    `fib daddr type local ${REFUSE}`,
  ]);
}

function redirection({ interfacePrefix, gateway }: FirewallSettings, port: number): string {
  return chain("redirection", "nat hook prerouting priority -110", [
    `iifname "${interfacePrefix}*" ip daddr ${gateway} meta l4proto { tcp, udp } th dport 53 redirect to :${port}`,
  ]);
}

function input({ interfacePrefix, gateway, nameForwarderPort }: FirewallSettings): string {
  return chain("arrived", "filter hook input priority -10", [
    `iifname != "${interfacePrefix}*" return`,
    // Only what has been redirected: the port itself is not to be reached.
    ...(nameForwarderPort === undefined
      ? []
      : [
          `ct status dnat ip daddr ${gateway} meta l4proto { tcp, udp } th dport ${nameForwarderPort} accept`,
        ]),
    "drop",
  ]);
}

function forward(settings: FirewallSettings): string {
  const { interfacePrefix, range, policy, resolvers } = settings;
  const own = `"${interfacePrefix}*"`;
  const forbidden = [...UNUSABLE_RANGES, ...(policy === "internet" ? PRIVATE_RANGES : [])];
  return chain("forwarded", "filter hook forward priority -10", [
    // That the host forwards for Lambent must not make it a router for its neighbours.
    `iifname @opened oifname != "${INTERFACE_PREFIX}*" ct state new ct status ! dnat drop`,
    `oifname ${own} ct state established,related accept`,
    `oifname ${own} drop`,
    `iifname != ${own} return`,
    "meta nfproto ipv6 drop",
    `oifname "${INTERFACE_PREFIX}*" ${REFUSE}`,
    `ip daddr ${range} ${REFUSE}`,
    ...(resolvers.length === 0
      ? []
      : [`ip daddr { ${resolvers.join(", ")} } meta l4proto { tcp, udp } th dport 53 accept`]),
    `ip daddr { ${METADATA_ADDRESSES.join(", ")} } ${REFUSE}`,
    `tcp dport ${SMTP_PORT} ${REFUSE}`,
    `ip daddr { ${forbidden.join(", ")} } ${REFUSE}`,
  ]);
}

/** No program of the host connects to what a function listens on. */
function output({ interfacePrefix }: FirewallSettings): string {
  return chain("leaving", "filter hook output priority -10", [
    `oifname "${interfacePrefix}*" ct state new drop`,
  ]);
}

function masquerade({ range }: FirewallSettings): string {
  return chain("outgoing", "nat hook postrouting priority 100", [
    `ip saddr ${range} oifname != "${INTERFACE_PREFIX}*" masquerade`,
  ]);
}
