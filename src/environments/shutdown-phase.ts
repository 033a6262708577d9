import type { Clock } from "../ports/clock.ts";
import type { Sandbox } from "../ports/sandbox.ts";
import type { ExtensionSet, ShutdownReason } from "./extension-set.ts";
import type { TelemetryStream } from "./telemetry-stream.ts";

/** AWS: the whole phase with external extensions, and the runtime's share at its beginning. */
const BUDGET_MS = 2_000;
const RUNTIME_MS = 300;
/** AWS: with internal extensions alone. */
const INTERNAL_MS = 500;

export interface ShutdownParticipants {
  readonly clock: Clock;
  readonly extensions?: ExtensionSet | undefined;
  readonly telemetry?: TelemetryStream | undefined;
}

/** AWS: the Shutdown phase of one environment ("Lambda execution environment lifecycle"), and what leads to it. */
export class ShutdownPhase {
  /** What extensions are told. */
  reason: ShutdownReason = "spindown";
  readonly #runtimeEnded = Promise.withResolvers<void>();
  #hasBegun = false;
  #isRuntimeGone = false;
  #isSandboxGone = false;

  /** The runtime's process has ended; where extensions run beside it, the sandbox goes on. */
  runtimeIsGone(): void {
    if (!this.#hasBegun) this.reason = "failure";
    this.#isRuntimeGone = true;
    this.#runtimeEnded.resolve();
  }

  sandboxIsGone(): void {
    this.#isSandboxGone = true;
  }

  /**
   * Where extensions have registered, the runtime gets SIGTERM and a moment, then it is killed; then the external
   * extensions that asked for it are told, and have what is left of the budget. Telemetry ends after them.
   */
  async run(sandbox: Sandbox | undefined, participants: ShutdownParticipants): Promise<void> {
    const { clock, extensions, telemetry } = participants;
    this.#hasBegun = true;
    if (extensions?.hasRegistered === true && sandbox !== undefined && !this.#isSandboxGone) {
      const startedMs = clock.monotonicMs();
      extensions.beginShutdown();
      sandbox.thaw();
      telemetry?.hasten();
      if (!this.#isRuntimeGone)
        await this.#endRuntime(sandbox, clock, extensions.hasExternal ? RUNTIME_MS : INTERNAL_MS);
      await extensions.shutDown(this.reason, BUDGET_MS - (clock.monotonicMs() - startedMs));
    }
    telemetry?.close();
  }

  async #endRuntime(sandbox: Sandbox, clock: Clock, limitMs: number): Promise<void> {
    sandbox.terminate?.();
    const late = Promise.withResolvers<true>();
    const cancel = clock.after(limitMs, () => late.resolve(true));
    const isLate = await Promise.race([this.#runtimeEnded.promise, sandbox.exited, late.promise]);
    cancel();
    // The second one is no request any more (`withExtensions`).
    if (isLate === true) sandbox.terminate?.();
  }
}
