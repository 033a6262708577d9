/** Writes under way at a time: the store commits them together. */
const PARALLEL_WRITES = 64;

/** Runs `work` on every item, a bounded number at a time. */
export async function inParallel<T>(items: Iterable<T>, work: (item: T) => Promise<void>): Promise<void> {
  const left = Array.from(items);
  while (left.length > 0) await Promise.all(left.splice(0, PARALLEL_WRITES).map(work));
}
