import { HandOverChannel } from "./hand-over-channel.ts";
import { connectChannel } from "./helper/channel-end.ts";
import type { SandboxBuilder } from "./helper/sandbox-builder.ts";
import type { SandboxHelper } from "./helper/sandbox-helper.ts";
import { sandboxOrder } from "./helper/sandbox-order.ts";
import type { LaunchSettings } from "./launch-settings.ts";
import {
  entranceOf,
  LISTENER_WORDS,
  OOM_SCORE_ADJUSTMENT,
  OPEN_FILES_MAX,
  programDescriptors,
  type SandboxStart,
  type StartedSandbox,
} from "./started-sandbox.ts";

/** As the kernel names what the helper holds sandboxes with: a file without a name. */
const HELD_AS = "/memfd:init (deleted)";

export interface Builder {
  readonly helper: SandboxHelper;
  readonly builder: SandboxBuilder;
  readonly template: number;
}

/** Builds a sandbox as far as it can be without its function; it waits inside its limits and its namespaces. */
export async function buildSandbox(
  { helper, builder, template }: Builder,
  settings: LaunchSettings,
  { command, user, group, scratch, outputs }: SandboxStart,
): Promise<StartedSandbox> {
  if (user === undefined) throw new Error("a sandbox is built for a user of its own");
  const { words, information, isHeld } = programDescriptors(settings, command, outputs);
  const { group: unified, taskFiles } = entranceOf(group);
  // The helper takes channels in the order of launches: nothing may come between these two.
  const handOver = new HandOverChannel(connectChannel(helper.channelPath), { acknowledges: false });
  const building = builder.build({
    template,
    volume: scratch?.path ?? "",
    user,
    oomScoreAdjustment: OOM_SCORE_ADJUSTMENT,
    openFiles: OPEN_FILES_MAX,
    group: unified,
    taskFiles,
    descriptors: [...words, `r${settings.seccompFile}`, `w${information}`],
    listeners: LISTENER_WORDS,
  });
  const { processId, ended } = await building.catch((error: unknown) => {
    handOver.close();
    throw error;
  });
  const kill = (): void => helper.kill(processId);
  return {
    processId,
    isFirstProcess: true,
    ended,
    handOver,
    show: (view) => {
      if (view === undefined) return kill();
      const order = sandboxOrder(view, isHeld ? undefined : command.words);
      // One that cannot be told, or has ended, must not be waited for.
      builder.start(processId, order).catch(kill);
    },
    holder: HELD_AS,
    parentOfFirst: helper.processId,
    kill,
    hasListeners: true,
  };
}
