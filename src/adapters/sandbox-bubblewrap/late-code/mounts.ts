import type { HelperAccess } from "../helper/helper-access.ts";
import { runCommand } from "../run-command.ts";

/** Binds directories below the driver's workspace to other places below it. */
export interface Mounts {
  /** The new mount has the flags of the one that the source lies on: read-only stays read-only. */
  bind(source: string, target: string): Promise<void>;
  unmount(target: string): Promise<void>;
}

/** By the helper, or without it by programs, which take four milliseconds each. */
export function mountsBy(helpers: HelperAccess): Mounts {
  return {
    bind: async (source, target) => {
      // Asked for in this turn where it can be: the mount is made while the caller goes on.
      const helper = helpers.now ?? (await helpers.whenReady());
      await (helper?.ask("bind", source, target) ?? runCommand("mount", "--bind", source, target));
    },
    unmount: async (target) => {
      const helper = await helpers.whenReady();
      await (helper?.ask("unmount", target) ?? runCommand("umount", "--lazy", target));
    },
  };
}
