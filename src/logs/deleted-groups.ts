import type { Clock } from "../ports/clock.ts";
import type { LogStreamStore } from "../ports/store.ts";

/**
 * Removes what deleted groups held, of which there may be much: nobody waits for it, and the store has as much time for
 * others' writes as for these.
 */
export class DeletedGroups {
  readonly #logs: Pick<LogStreamStore, "dropSome">;
  readonly #clock: Clock;
  readonly #emptying = new Map<string, Promise<void>>();
  #last: Promise<void> = Promise.resolve();
  #endPause: (() => void) | undefined;
  #stopped = false;

  constructor({ logs, clock }: { logs: Pick<LogStreamStore, "dropSome">; clock: Clock }) {
    this.#logs = logs;
    this.#clock = clock;
  }

  /** Resolves when the group is empty, or cannot be emptied now: one group after the other. */
  empty(groupId: string): Promise<void> {
    const running = this.#emptying.get(groupId);
    if (running !== undefined) return running;
    const emptied = this.#last
      .then(() => this.#empty(groupId))
      // A store that is not available has it as something that is left over.
      .catch(() => undefined)
      .finally(() => this.#emptying.delete(groupId));
    this.#emptying.set(groupId, emptied);
    this.#last = emptied;
    return emptied;
  }

  /** Resolves when nothing is being removed; what is left stays. */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.#endPause?.();
    await this.#last;
  }

  async #empty(groupId: string): Promise<void> {
    while (!this.#stopped) {
      const beganMs = this.#clock.monotonicMs();
      if (!(await this.#logs.dropSome(groupId))) return;
      await this.#pause(this.#clock.monotonicMs() - beganMs);
    }
  }

  async #pause(durationMs: number): Promise<void> {
    if (this.#stopped) return;
    await new Promise<void>((resolve) => {
      const cancel = this.#clock.after(durationMs, resolve);
      this.#endPause = () => {
        cancel();
        resolve();
      };
    });
  }
}
