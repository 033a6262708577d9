/** Environments that were started together do not end together: each lives at least this share of the longest life. */
const LIFE_SHARE_MIN = 0.75;

/**
 * How long this environment may live before it is replaced. AWS: every few hours, whatever it does ("Lambda execution
 * environment lifecycle"); it never happens during an invocation. `id`: hexadecimal.
 */
export function environmentLifeMs(id: string, maxLifeMs: number): number {
  const spread = Number.parseInt(id.slice(-6), 16) / 0xffffff;
  return maxLifeMs * (LIFE_SHARE_MIN + (1 - LIFE_SHARE_MIN) * spread);
}
