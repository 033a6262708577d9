import type { RuntimePin } from "../../core/function-version.ts";
import type { InstalledRuntime, RuntimeCatalogue } from "../../ports/runtime-catalogue.ts";
import type { RuntimeArchives } from "./runtime-archives.ts";
import type { KnownRuntime } from "./runtime-inventory.ts";
import type { KnownLibrary } from "./runtime-library.ts";

/** Between two looks at the machine for a runtime that is missing. */
const LOOK_AGAIN_MS = 500;

const DOTNET_ADVICE =
  " A .NET function runs as provided.al2023 when it is published self-contained or with Native AOT, with an executable named bootstrap.";

/** The runtimes of this machine, as last looked at. What is installed or removed later is seen at the next look. */
export class MachineRuntimes implements RuntimeCatalogue {
  readonly #archives: RuntimeArchives | undefined;
  readonly #look: () => Promise<readonly KnownRuntime[]>;
  readonly #listeners = new Set<() => void>();
  #known: ReadonlyMap<string, KnownRuntime>;
  #looking: Promise<void> | undefined;
  #lookedAtMs = performance.now();

  constructor(
    known: readonly KnownRuntime[],
    look: () => Promise<readonly KnownRuntime[]>,
    archives?: RuntimeArchives,
  ) {
    this.#known = byIdentifier(known);
    this.#look = look;
    this.#archives = archives;
  }

  /** Ends what it has begun on the machine. */
  async close(): Promise<void> {
    await this.#archives?.close();
  }

  find(identifier: string, pin?: RuntimePin): InstalledRuntime | undefined {
    const known = this.#known.get(identifier);
    const found = known && versionOf(known, pin);
    // A runtime that is asked for is one that functions use.
    if (found !== undefined) known?.archives.get(found.versionHash)?.();
    return found;
  }

  list(): readonly InstalledRuntime[] {
    return this.known().flatMap(({ versions }) => versions.slice(0, 1));
  }

  /** All runtimes that this version of Lambent has, installed or not. */
  known(): readonly KnownRuntime[] {
    return [...this.#known.values()];
  }

  /** Libraries that runtimes bring along, installed or not. */
  libraries(): readonly KnownLibrary[] {
    const found = this.known().flatMap(({ library }) => library ?? []);
    return [...new Map(found.map((library) => [library.manifest.identifier, library])).values()];
  }

  missingAdvice(identifier: string, pin?: RuntimePin): string {
    const known = this.#known.get(identifier);
    if (known === undefined) {
      const supported = [...this.#known.keys()].join(", ");
      return `This version of Lambent does not have the runtime ${identifier}; it has ${supported}.`;
    }
    const [newest] = known.versions;
    if (newest !== undefined) {
      if (pin === undefined || this.find(identifier, pin) !== undefined) return `${identifier} is installed.`;
      return (
        `The version of ${identifier} that the function is set to (runtime:${pin.versionHash}) is not on this machine ` +
        "any more. Choose another one with PutRuntimeManagementConfig."
      );
    }
    const older =
      known.couldStandIn === undefined
        ? ""
        : ` ${known.couldStandIn} is here and stands in when the setting allowOlderRuntimes is true.`;
    const install =
      known.install.length === 0 ? "" : ` Install it with \`lambent runtime install ${identifier}\`.`;
    const instead = identifier.startsWith("dotnet") ? DOTNET_ADVICE : "";
    return `No interpreter for ${identifier} was found on this machine.${older}${install}${instead}`;
  }

  async lookFor(identifier: string): Promise<void> {
    const known = this.#known.get(identifier);
    if (known === undefined || known.versions.length > 0) return;
    if (this.#looking === undefined && performance.now() - this.#lookedAtMs < LOOK_AGAIN_MS) return;
    await this.refresh();
  }

  /** Looks at the machine; listeners are told when something is different. Does not reject. */
  refresh(): Promise<void> {
    this.#looking ??= this.#look()
      .then((known) => this.#seen(known))
      // The manifests were valid at the start; a machine that cannot be looked at now keeps what it had.
      .catch(() => undefined)
      .finally(() => {
        this.#lookedAtMs = performance.now();
        this.#looking = undefined;
      });
    return this.#looking;
  }

  /** `listener` is called when versions have come or gone. */
  onChanged(listener: () => void): void {
    this.#listeners.add(listener);
  }

  #seen(known: readonly KnownRuntime[]): void {
    const before = fingerprint(this.known());
    this.#known = byIdentifier(known);
    if (fingerprint(known) === before) return;
    for (const listener of this.#listeners) listener();
  }
}

function versionOf({ versions }: KnownRuntime, pin: RuntimePin | undefined): InstalledRuntime | undefined {
  if (pin === undefined) return versions[0];
  const pinned = versions.find(({ versionHash }) => versionHash === pin.versionHash);
  return pinned ?? (pin.required ? undefined : versions[0]);
}

const byIdentifier = (known: readonly KnownRuntime[]): Map<string, KnownRuntime> =>
  new Map(known.map((runtime) => [runtime.identifier, runtime]));

const fingerprint = (known: readonly KnownRuntime[]): string =>
  known
    .flatMap(({ versions }) => versions.map(({ versionHash, library = "" }) => `${versionHash} ${library}`))
    .join(" ");
