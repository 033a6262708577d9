interface Entry<T> {
  readonly atMs: number;
  readonly item: T;
}

/** Items by the time they are due; the earliest is found at once however many there are. */
export class DueHeap<T> {
  readonly #entries: Entry<T>[] = [];

  get size(): number {
    return this.#entries.length;
  }

  /** When the earliest is due. */
  get nextMs(): number | undefined {
    return this.#entries[0]?.atMs;
  }

  get first(): T | undefined {
    return this.#entries[0]?.item;
  }

  add(atMs: number, item: T): void {
    const entries = this.#entries;
    let at = entries.length;
    const entry = { atMs, item };
    entries.push(entry);
    while (at > 0) {
      const above = (at - 1) >> 1;
      const parent = entries[above];
      if (parent === undefined || parent.atMs <= atMs) break;
      entries[at] = parent;
      at = above;
    }
    entries[at] = entry;
  }

  /** Takes out the earliest that is due; undefined when none is. */
  take(nowMs: number): T | undefined {
    const entries = this.#entries;
    const [first] = entries;
    if (first === undefined || first.atMs > nowMs) return undefined;
    const last = entries.pop();
    if (last !== undefined && entries.length > 0) this.#sink(last);
    return first.item;
  }

  clear(): void {
    this.#entries.length = 0;
  }

  /** Puts an entry in from the top. */
  #sink(entry: Entry<T>): void {
    const entries = this.#entries;
    let at = 0;
    for (;;) {
      const left = 2 * at + 1;
      const [a, b] = [entries[left], entries[left + 1]];
      if (a === undefined) break;
      const [child, index] = b !== undefined && b.atMs < a.atMs ? [b, left + 1] : [a, left];
      if (child.atMs >= entry.atMs) break;
      entries[at] = child;
      at = index;
    }
    entries[at] = entry;
  }
}
