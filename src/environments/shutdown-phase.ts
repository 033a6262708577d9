import type { Clock } from "../ports/clock.ts";
import type { Sandbox } from "../ports/sandbox.ts";
import type { ExtensionSet, ShutdownReason } from "./extension-set.ts";

/** AWS: what external extensions have when an environment ends, with the runtime's share at the end. */
const EXTENSIONS_MS = 1_700;
const RUNTIME_MS = 300;
/** AWS: with internal extensions alone. */
const INTERNAL_MS = 500;

/**
 * AWS: the Shutdown phase ("Lambda execution environment lifecycle"). Extensions that asked for it are told first; then
 * the runtime gets SIGTERM and a moment. (AWS ends the runtime first; here its process's end is that of the sandbox.)
 */
export async function shutdownPhase(
  { extensions, sandbox, clock }: { extensions: ExtensionSet; sandbox: Sandbox; clock: Clock },
  reason: ShutdownReason,
): Promise<void> {
  await extensions.shutDown(reason, EXTENSIONS_MS);
  sandbox.terminate?.();
  const delay = Promise.withResolvers<void>();
  const cancel = clock.after(extensions.hasExternal ? RUNTIME_MS : INTERNAL_MS, () => delay.resolve());
  await Promise.race([sandbox.exited, delay.promise]);
  cancel();
}
