import { readFileSync } from "node:fs";
import type { Clock } from "../../../ports/clock.ts";
import type { SandboxProgram } from "../../../ports/sandbox.ts";
import type { RootFileSystem } from "../bubblewrap-arguments.ts";
import type { ControlGroups } from "../cgroups/control-group.ts";
import type { HostPaths } from "../host-paths.ts";
import { OOM_SCORE_ADJUSTMENT, OPEN_FILES_MAX } from "../started-sandbox.ts";
import { SANDBOX_USER } from "../workspace.ts";
import { Zygote } from "./zygote.ts";
import { zygoteOptions } from "./zygote-arguments.ts";

/** What every zygote on this machine has in common. */
export interface ZygoteLauncherParts {
  readonly clock: Clock;
  readonly bubblewrap: string;
  readonly seccompFile: string;
  readonly rootFileSystem: RootFileSystem;
  readonly hostPaths: HostPaths;
  readonly groups: ControlGroups;
}

/** Starts zygotes, each in a control group of its own. */
export class ZygoteLauncher {
  readonly #parts: ZygoteLauncherParts;
  #made = 0;

  constructor(parts: ZygoteLauncherParts) {
    this.#parts = parts;
  }

  /** Rejects when the program cannot be loaded and prepared. `childless` is called whenever the last child has ended. */
  async start(
    program: SandboxProgram,
    variables: Readonly<Record<string, string>>,
    childless: () => void,
  ): Promise<Zygote> {
    const { clock, bubblewrap, groups, rootFileSystem, hostPaths, seccompFile } = this.#parts;
    const mounts = program.mounts.map(async ({ hostPath, sandboxPath }) => ({
      source: await hostPaths.reachable(hostPath),
      sandboxPath,
    }));
    const options = zygoteOptions({
      rootFileSystem,
      mounts: await Promise.all(mounts),
      groupDirectories: groups.directories,
      environmentVariables: { ...variables, LAMBENT_ZYGOTE: "1" },
    });
    const settings = {
      uid: SANDBOX_USER.uid,
      gid: SANDBOX_USER.gid,
      openFiles: OPEN_FILES_MAX,
      oomScoreAdjustment: OOM_SCORE_ADJUSTMENT,
      filter: readFileSync(seccompFile).toString("hex"),
    };
    const group = groups.create(`zygote-${++this.#made}`);
    return Zygote.start({ clock, bubblewrap, options, command: program.command, group, settings }, childless);
  }
}
