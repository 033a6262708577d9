/**
 * An X-Ray trace header for an invocation that came without one. It says "not sampled", as AWS's pass-through mode
 * does; `randomHex` gives 40 hexadecimal digits.
 */
export function newTraceHeader(nowMs: number, randomHex: string): string {
  const epoch = Math.floor(nowMs / 1000)
    .toString(16)
    .padStart(8, "0");
  return `Root=1-${epoch}-${randomHex.slice(0, 24)};Parent=${randomHex.slice(24, 40)};Sampled=0`;
}
