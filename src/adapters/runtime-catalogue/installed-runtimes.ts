import type { InstalledRuntime, RuntimeCatalogue } from "../../ports/runtime-catalogue.ts";

/** What is known of a runtime identifier that is not installed: the command that would install it, if there is one. */
export interface KnownRuntime {
  readonly identifier: string;
  readonly installCommand: string | undefined;
}

/** The result of a discovery; it does not change while Lambent runs. */
export class InstalledRuntimes implements RuntimeCatalogue {
  readonly #installed: ReadonlyMap<string, InstalledRuntime>;
  readonly #known: ReadonlyMap<string, KnownRuntime>;

  constructor(installed: readonly InstalledRuntime[], known: readonly KnownRuntime[]) {
    this.#installed = new Map(installed.map((runtime) => [runtime.identifier, runtime]));
    this.#known = new Map(known.map((runtime) => [runtime.identifier, runtime]));
  }

  find(identifier: string): InstalledRuntime | undefined {
    return this.#installed.get(identifier);
  }

  list(): readonly InstalledRuntime[] {
    return [...this.#installed.values()];
  }

  missingAdvice(identifier: string): string {
    if (this.#installed.has(identifier)) return `${identifier} is installed.`;
    const known = this.#known.get(identifier);
    if (known === undefined) {
      const supported = [...this.#known.keys()].join(", ");
      return `This version of Lambent does not have the runtime ${identifier}; it has ${supported}.`;
    }
    const advice =
      known.installCommand === undefined
        ? ""
        : ` Install it with \`${known.installCommand}\` and restart Lambent.`;
    return `No interpreter for ${identifier} was found on this machine.${advice}`;
  }
}
