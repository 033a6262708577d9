/** What a launch runs. */
export interface LaunchCommand {
  readonly words: readonly string[];
  /** It is the function's own program, which inherits nothing of ours. */
  readonly isFunctions?: boolean | undefined;
}
