import type { ControlGroups } from "./cgroups/control-group.ts";
import type { HelperAccess } from "./helper/helper-access.ts";
import type { ScratchVolumes } from "./scratch-volumes.ts";
import type { UnprivilegedUsers } from "./unprivileged-users.ts";
import type { Holder } from "./zygote/holder.ts";

/** What every launch on this machine has in common. */
export interface LaunchSettings {
  readonly bubblewrap: string;
  /** `prlimit` of util-linux. */
  readonly prlimit: string;
  /** File with the seccomp program. */
  readonly seccompFile: string;
  readonly pipesDirectory: string;
  /** Undefined: sandboxes run as the user of this process. */
  readonly users: UnprivilegedUsers | undefined;
  /** Undefined: nothing can be limited. */
  readonly groups: ControlGroups | undefined;
  /** Undefined: programs are started by this process. */
  readonly helpers: HelperAccess | undefined;
  /** Undefined: /tmp is a tmpfs. */
  readonly scratchVolumes: ScratchVolumes | undefined;
  /** Where mounts of all sandboxes lie that no other one needs to see; undefined where nothing can be mounted. */
  readonly mountPoints: { readonly volumes: string; readonly late: string } | undefined;
  /** Undefined: every program is started by bwrap. */
  readonly holder?: Holder | undefined;
}
