import type { Clock } from "../ports/clock.ts";
import type { Sandbox } from "../ports/sandbox.ts";
import type { ExtensionSet, ShutdownReason } from "./extension-set.ts";

/** AWS: the whole phase with external extensions, and the runtime's share at its beginning. */
const BUDGET_MS = 2_000;
const RUNTIME_MS = 300;
/** AWS: with internal extensions alone. */
const INTERNAL_MS = 500;

/** AWS: the Shutdown phase of one environment ("Lambda execution environment lifecycle"), and what leads to it. */
export class ShutdownPhase {
  /** What extensions are told. */
  reason: ShutdownReason = "spindown";
  readonly #runtimeEnded = Promise.withResolvers<void>();
  #isRuntimeGone = false;
  #isSandboxGone = false;

  /** The runtime's process has ended; where extensions run beside it, the sandbox goes on. */
  runtimeIsGone(): void {
    this.#isRuntimeGone = true;
    this.#runtimeEnded.resolve();
  }

  sandboxIsGone(): void {
    this.#isSandboxGone = true;
  }

  /**
   * Where extensions have registered, the runtime gets SIGTERM and a moment, then it is killed; then the external
   * extensions that asked for it are told, and have what is left of the budget. Does nothing when nobody is left.
   */
  async run(parts: {
    readonly extensions: ExtensionSet | undefined;
    readonly sandbox: Sandbox | undefined;
    readonly clock: Clock;
  }): Promise<void> {
    const { extensions, sandbox, clock } = parts;
    if (extensions?.hasRegistered !== true || sandbox === undefined || this.#isSandboxGone) return;
    const startedMs = clock.monotonicMs();
    extensions.beginShutdown();
    if (!this.#isRuntimeGone) {
      sandbox.terminate?.();
      const late = Promise.withResolvers<true>();
      const cancel = clock.after(extensions.hasExternal ? RUNTIME_MS : INTERNAL_MS, () => late.resolve(true));
      const isLate = await Promise.race([this.#runtimeEnded.promise, sandbox.exited, late.promise]);
      cancel();
      // The second one is no request any more (`withExtensions`).
      if (isLate === true) sandbox.terminate?.();
    }
    await extensions.shutDown(this.reason, BUDGET_MS - (clock.monotonicMs() - startedMs));
  }
}
