import { open } from "node:fs/promises";

/** Synchronises directories; those who ask while one is under way share the next one. */
export class DirectorySync {
  readonly #next = new Map<string, Promise<void>>();
  readonly #running = new Map<string, Promise<void>>();

  /** Resolves when every name that is in the directory now is durable. */
  sync(directory: string): Promise<void> {
    const joined = this.#next.get(directory);
    if (joined) return joined;
    const running = this.#running.get(directory);
    if (running === undefined) return this.#start(directory);
    const next = running
      .catch(() => undefined)
      .then(() => {
        this.#next.delete(directory);
        return this.#start(directory);
      });
    this.#next.set(directory, next);
    return next;
  }

  #start(directory: string): Promise<void> {
    const running = synchronise(directory).finally(() => this.#running.delete(directory));
    this.#running.set(directory, running);
    return running;
  }
}

async function synchronise(directory: string): Promise<void> {
  const handle = await open(directory, "r");
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
