/** A cyclic redundancy check as object stores use them: reflected, beginning and ending with all bits inverted. */
export interface Crc {
  update(bytes: Uint8Array): void;
  /** Big-endian. */
  digest(): Uint8Array;
}

/** The three checks by name: width in bits and reflected polynomial. */
const PARAMETERS = {
  CRC32: { width: 32n, polynomial: 0xedb88320n },
  CRC32C: { width: 32n, polynomial: 0x82f63b78n },
  CRC64NVME: { width: 64n, polynomial: 0x9a6c9329ac4bc9b5n },
} as const;

export type CrcName = keyof typeof PARAMETERS;

const SLICES = 8;
/** Tables of the halves of 64 bits; those of 32 bits have zeros for the upper half. */
interface Tables {
  readonly low: Uint32Array;
  readonly high: Uint32Array;
}
const known = new Map<CrcName, Tables>();

function tablesOf(name: CrcName): Tables {
  const made = known.get(name);
  if (made) return made;
  const { polynomial } = PARAMETERS[name];
  const low = new Uint32Array(256 * SLICES);
  const high = new Uint32Array(256 * SLICES);
  const [polynomialLow, polynomialHigh] = [Number(polynomial & 0xffffffffn), Number(polynomial >> 32n)];
  for (let byte = 0; byte < 256; byte++) {
    let [l, h] = [byte, 0];
    for (let bit = 0; bit < 8; bit++) {
      const odd = l & 1;
      l = (l >>> 1) | ((h & 1) << 31);
      h >>>= 1;
      if (odd) [l, h] = [l ^ polynomialLow, h ^ polynomialHigh];
    }
    low[byte] = l;
    high[byte] = h;
  }
  for (let index = 256; index < 256 * SLICES; index++) {
    const [l, h] = [low[index - 256] ?? 0, high[index - 256] ?? 0];
    low[index] = ((l >>> 8) | (h << 24)) ^ (low[l & 255] ?? 0);
    high[index] = (h >>> 8) ^ (high[l & 255] ?? 0);
  }
  const tables = { low, high };
  known.set(name, tables);
  return tables;
}

/** Starts a check of the given name. */
export function createCrc(name: CrcName): Crc {
  return PARAMETERS[name].width === 32n ? new Crc32(tablesOf(name).low) : new Crc64(tablesOf(name));
}

class Crc32 implements Crc {
  readonly #table: Uint32Array;
  #value = -1;

  constructor(table: Uint32Array) {
    this.#table = table;
  }

  update(bytes: Uint8Array): void {
    const table = this.#table as unknown as { readonly [index: number]: number };
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    const whole = bytes.byteLength - (bytes.byteLength % SLICES);
    let crc = this.#value;
    let at = 0;
    for (; at < whole; at += SLICES) {
      const low = crc ^ view.getInt32(at, true);
      crc = sliced(table, low, view.getInt32(at + 4, true));
    }
    for (; at < bytes.byteLength; at++)
      crc = (crc >>> 8) ^ (table[(crc ^ (bytes[at] as number)) & 255] as number);
    this.#value = crc;
  }

  digest(): Uint8Array {
    const result = new Uint8Array(4);
    new DataView(result.buffer).setInt32(0, ~this.#value);
    return result;
  }
}

/** Eight bytes at once: what each of them comes to, looked up. */
function sliced(table: { readonly [index: number]: number }, low: number, high: number): number {
  return (
    (table[1792 + (low & 255)] as number) ^
    (table[1536 + ((low >>> 8) & 255)] as number) ^
    (table[1280 + ((low >>> 16) & 255)] as number) ^
    (table[1024 + (low >>> 24)] as number) ^
    (table[768 + (high & 255)] as number) ^
    (table[512 + ((high >>> 8) & 255)] as number) ^
    (table[256 + ((high >>> 16) & 255)] as number) ^
    (table[high >>> 24] as number)
  );
}

class Crc64 implements Crc {
  readonly #tables: Tables;
  #low = -1;
  #high = -1;

  constructor(tables: Tables) {
    this.#tables = tables;
  }

  update(bytes: Uint8Array): void {
    const { low: lowTable, high: highTable } = this.#tables;
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    const whole = bytes.byteLength - (bytes.byteLength % SLICES);
    let [low, high, at] = [this.#low, this.#high, 0];
    for (; at < whole; at += SLICES) {
      const first = low ^ view.getInt32(at, true);
      const second = high ^ view.getInt32(at + 4, true);
      low = sliced(lowTable, first, second);
      high = sliced(highTable, first, second);
    }
    for (; at < bytes.byteLength; at++) {
      const index = (low ^ (bytes[at] as number)) & 255;
      low = ((low >>> 8) | (high << 24)) ^ (lowTable[index] as number);
      high = (high >>> 8) ^ (highTable[index] as number);
    }
    this.#low = low;
    this.#high = high;
  }

  digest(): Uint8Array {
    const result = new Uint8Array(8);
    const view = new DataView(result.buffer);
    view.setInt32(0, ~this.#high);
    view.setInt32(4, ~this.#low);
    return result;
  }
}

/** The check of two texts one after the other, from the checks of both and the length of the second in bytes. */
export function combineCrc(
  name: CrcName,
  first: Uint8Array,
  second: Uint8Array,
  secondBytes: number,
): Uint8Array {
  const { width, polynomial } = PARAMETERS[name];
  const one = 1n << (width - 1n);
  const times = (a: bigint, b: bigint): bigint => {
    let product = 0n;
    let factor = b;
    for (let bit = one; bit > 0n; bit >>= 1n) {
      if ((a & bit) !== 0n) product ^= factor;
      factor = (factor & 1n) === 0n ? factor >> 1n : (factor >> 1n) ^ polynomial;
    }
    return product;
  };
  // x to the power of the second text's bits: what the first check is multiplied with when that text follows.
  let power = one;
  let square = one >> 1n;
  for (let bits = BigInt(secondBytes) * 8n; bits > 0n; bits >>= 1n) {
    if ((bits & 1n) === 1n) power = times(power, square);
    square = times(square, square);
  }
  const combined = times(power, numberOf(first)) ^ numberOf(second);
  const result = new Uint8Array(Number(width) / 8);
  for (let index = 0; index < result.length; index++)
    result[index] = Number((combined >> BigInt(8 * (result.length - 1 - index))) & 255n);
  return result;
}

function numberOf(bytes: Uint8Array): bigint {
  let value = 0n;
  for (const byte of bytes) value = (value << 8n) | BigInt(byte);
  return value;
}
