import type { MountPoint } from "./helper/template-steps.ts";

/** What a launch runs. */
export interface LaunchCommand {
  readonly words: readonly string[];
  /** It is the function's own program, which inherits nothing of ours. */
  readonly isFunctions?: boolean | undefined;
  /** Of its sandbox, beside those that every one has. */
  readonly mountPoints: readonly MountPoint[];
}
