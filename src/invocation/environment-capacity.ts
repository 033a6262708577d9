/**
 * How many execution environments this machine carries, and how many may start at once. Starting more than the
 * machine has cores for makes every one of them slower without finishing any sooner.
 */
export class EnvironmentCapacity {
  readonly maxEnvironments: number;
  readonly #maxStarting: number;
  #alive = 0;
  #starting = 0;

  constructor(limits: { readonly maxEnvironments: number; readonly maxStarting: number }) {
    this.maxEnvironments = limits.maxEnvironments;
    this.#maxStarting = limits.maxStarting;
  }

  get isFull(): boolean {
    return this.#alive >= this.maxEnvironments;
  }

  get isStartingTooMany(): boolean {
    return this.#starting >= this.#maxStarting;
  }

  started(): void {
    this.#alive++;
    this.#starting++;
  }

  /** An environment that was reset starts again in its place. */
  restarted(): void {
    this.#starting++;
  }

  initialized(): void {
    this.#starting--;
  }

  ended(): void {
    this.#alive--;
  }
}
