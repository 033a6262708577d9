import { isIPv4 } from "node:net";

/** How names are resolved inside. */
export interface Resolvers {
  /** Name servers that a sandbox can ask itself. */
  readonly direct: readonly string[];
  /** Name servers that only the host can ask: on its own addresses, or by IPv6. */
  readonly hostOnly: readonly string[];
}

/** glibc's limit. */
const RESOLVERS_MAX = 3;

function nameServers(text: string): string[] {
  return [...text.matchAll(/^\s*nameserver\s+(\S+)/gm)].map(([, address = ""]) => address);
}

/**
 * Sorts the name servers of the host. `upstreamText` is the file in which systemd's resolver names the servers behind
 * itself, undefined without one; they serve sandboxes better than a stub that answers to the host only.
 */
export function sortResolvers(
  text: string,
  upstreamText: string | undefined,
  hostAddresses: readonly string[],
): Resolvers {
  const hostOnly = (address: string): boolean =>
    !isIPv4(address) ||
    address.startsWith("127.") ||
    address === "0.0.0.0" ||
    hostAddresses.includes(address);
  let addresses = nameServers(text);
  const upstream = upstreamText === undefined ? [] : nameServers(upstreamText);
  if (addresses.every((address) => address === "127.0.0.53") && upstream.length > 0) addresses = upstream;
  const used = addresses.slice(0, RESOLVERS_MAX);
  return {
    direct: used.filter((address) => !hostOnly(address)),
    hostOnly: used.filter((address) => hostOnly(address)),
  };
}
