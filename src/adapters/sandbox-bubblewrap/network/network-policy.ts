/** Where functions may connect to. `auto` is `internet` where that can be done, and `none` elsewhere. */
export type NetworkPolicy = "auto" | OutboundPolicy;

/** `none`: nowhere. `internet`: public addresses. `all`: private ones too, but never this host or another sandbox. */
export type OutboundPolicy = "none" | "internet" | "all";

/** Not for single hosts of a network: "this network", loopback, multicast, reserved and broadcast (RFC 6890). */
export const UNUSABLE_RANGES = ["0.0.0.0/8", "127.0.0.0/8", "224.0.0.0/4", "240.0.0.0/4"] as const;

/** Not reached over the internet: RFC 1918, carriers' NAT, link-local, protocol assignments, benchmarks (RFC 6890). */
export const PRIVATE_RANGES = [
  "10.0.0.0/8",
  "100.64.0.0/10",
  "169.254.0.0/16",
  "172.16.0.0/12",
  "192.0.0.0/24",
  "192.168.0.0/16",
  "198.18.0.0/15",
] as const;

/** The beginning of the name of every interface that any Lambent makes on the host. */
export const INTERFACE_PREFIX = "lmb";
/** The beginning of the name of every nftables table that any Lambent makes. */
export const TABLE_PREFIX = "lambent_";
