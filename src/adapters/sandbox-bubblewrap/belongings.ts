import type { ScratchVolume } from "./scratch-volumes.ts";
import type { UnprivilegedUser } from "./unprivileged-users.ts";

/** What may outlive the processes of a sandbox: its /tmp, and the user to whom the files there belong. */
export interface Belongings {
  readonly user: UnprivilegedUser | undefined;
  /** Undefined: /tmp is a tmpfs, which ends with the processes. */
  readonly scratch: ScratchVolume | undefined;
}

/** Sees to it that belongings are given back once: by their sandbox, or by the one that carries them on. */
export class KeptBelongings {
  #belongings: Belongings | undefined;
  readonly #giveBack: (belongings: Belongings) => Promise<void>;

  constructor(belongings: Belongings, giveBack: (belongings: Belongings) => Promise<void>) {
    this.#belongings = belongings;
    this.#giveBack = giveBack;
  }

  /** For another sandbox, which gives them back from now on; undefined when they are gone already. */
  handOn(): Belongings | undefined {
    const belongings = this.#belongings;
    this.#belongings = undefined;
    return belongings;
  }

  async release(): Promise<void> {
    const belongings = this.handOn();
    if (belongings !== undefined) await this.#giveBack(belongings);
  }
}
