interface Address {
  readonly bits: 32 | 128;
  readonly value: bigint;
}

/** Whether an address lies in a range in CIDR notation (or equals a single address); `undefined` when the range is not one. */
export function ipRangeContains(range: string, address: string): boolean | undefined {
  const [base = "", length] = range.split("/");
  const network = parseAddress(base);
  if (network === undefined) return undefined;
  const prefixLength = length === undefined ? network.bits : Number(length);
  if (!Number.isInteger(prefixLength) || prefixLength < 0 || prefixLength > network.bits) return undefined;
  const candidate = parseAddress(address);
  if (candidate === undefined || candidate.bits !== network.bits) return false;
  const shift = BigInt(network.bits - prefixLength);
  return candidate.value >> shift === network.value >> shift;
}

function parseAddress(text: string): Address | undefined {
  return text.includes(":") ? parseVersion6(text) : parseVersion4(text);
}

function parseVersion4(text: string): Address | undefined {
  const parts = text.split(".");
  if (parts.length !== 4 || !parts.every((part) => /^\d{1,3}$/.test(part) && Number(part) <= 255))
    return undefined;
  return { bits: 32, value: parts.reduce((value, part) => (value << 8n) | BigInt(part), 0n) };
}

function parseVersion6(text: string): Address | undefined {
  const halves = text.split("::");
  if (halves.length > 2) return undefined;
  const [head = [], tail = []] = halves.map((half) => (half === "" ? [] : half.split(":")));
  const missing = 8 - head.length - tail.length;
  if (halves.length === 1 ? missing !== 0 : missing < 1) return undefined;
  const groups = [...head, ...Array<string>(missing).fill("0"), ...tail];
  if (!groups.every((group) => /^[0-9a-fA-F]{1,4}$/.test(group))) return undefined;
  return { bits: 128, value: groups.reduce((value, group) => (value << 16n) | BigInt(`0x${group}`), 0n) };
}
