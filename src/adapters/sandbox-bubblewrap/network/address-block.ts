/** The addresses of one Lambent's sandboxes: the first is not used, the second is the host's on every link. */
export interface AddressBlock {
  /** As `address/length`. */
  readonly range: string;
  readonly gateway: string;
  /** How many sandboxes can have an address. */
  readonly size: number;
  address(slot: number): string;
}

const BLOCK_LENGTH = 17;
const BLOCK_ADDRESSES = 2 ** (32 - BLOCK_LENGTH);
const RESERVED_ADDRESSES = 2;
/** Where blocks are looked for: the range for carriers' NAT, then that for benchmarks; neither is a host's own. */
const SOURCES = ["100.64.0.0/10", "198.18.0.0/15"];
/** A route to half the internet, as VPNs set them, is no local network. */
const LOCAL_LENGTH_MIN = 8;

interface Prefix {
  readonly first: number;
  readonly length: number;
}

function toNumber(address: string): number {
  return address.split(".").reduce((number, part) => number * 256 + Number(part), 0);
}

function toText(number: number): string {
  return [24, 16, 8, 0].map((shift) => Math.floor(number / 2 ** shift) % 256).join(".");
}

function parsePrefix(text: string): Prefix {
  const [address = "", length = "32"] = text.split("/");
  return { first: toNumber(address), length: Number(length) };
}

function sizeOf({ length }: Prefix): number {
  return 2 ** (32 - length);
}

function overlap(a: Prefix, b: Prefix): boolean {
  return a.first < b.first + sizeOf(b) && b.first < a.first + sizeOf(a);
}

/**
 * Blocks that collide with nothing in `taken` (addresses or `address/length`, such as the host's routes), in an order
 * that depends on `preference`, so that several Lambents of a machine ask for different ones first.
 */
export function addressBlocks(taken: readonly string[], preference: number): AddressBlock[] {
  const prefixes = taken
    .filter((text) => /^[\d.]+(\/\d+)?$/.test(text))
    .map((text) => parsePrefix(text))
    .filter(({ length }) => length >= LOCAL_LENGTH_MIN);
  return SOURCES.flatMap((source) => {
    const { first, length } = parsePrefix(source);
    const count = 2 ** (BLOCK_LENGTH - length);
    return Array.from({ length: count }, (_, index) => {
      const at = (preference + index) % count;
      return { first: first + at * BLOCK_ADDRESSES, length: BLOCK_LENGTH };
    });
  })
    .filter((block) => !prefixes.some((prefix) => overlap(prefix, block)))
    .map(({ first }) => ({
      range: `${toText(first)}/${BLOCK_LENGTH}`,
      gateway: toText(first + 1),
      size: BLOCK_ADDRESSES - RESERVED_ADDRESSES,
      address: (slot) => toText(first + RESERVED_ADDRESSES + slot),
    }));
}
