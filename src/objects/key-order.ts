/**
 * AWS: keys are listed in the order of their UTF-8 bytes. That of JavaScript's code units differs only where one text
 * has a surrogate and the other a character above the surrogates.
 */
export function compareKeys(left: string, right: string): number {
  if (left === right) return 0;
  const length = Math.min(left.length, right.length);
  for (let at = 0; at < length; at++) {
    const [a, b] = [left.charCodeAt(at), right.charCodeAt(at)];
    if (a === b) continue;
    return isSurrogate(a) === isSurrogate(b) ? a - b : isSurrogate(a) ? 1 : -1;
  }
  return left.length - right.length;
}

const isSurrogate = (code: number): boolean => code >= 0xd800 && code <= 0xdfff;

/** Index of the first key for which `isBeyond` holds; keys are sorted so that those come last. */
export function firstIndex(keys: readonly string[], isBeyond: (key: string) => boolean): number {
  let [low, high] = [0, keys.length];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (isBeyond(keys[middle] ?? "")) high = middle;
    else low = middle + 1;
  }
  return low;
}

/** Index of the first key after `from` that does not begin with `prefix`, where `keys[from]` does. */
export function afterPrefix(keys: readonly string[], from: number, prefix: string): number {
  let [low, high] = [from, keys.length];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (keys[middle]?.startsWith(prefix)) low = middle + 1;
    else high = middle;
  }
  return low;
}
