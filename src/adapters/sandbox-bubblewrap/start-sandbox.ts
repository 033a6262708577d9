import { closeSync } from "node:fs";
import { buildSandbox } from "./build-sandbox.ts";
import type { LaunchSettings } from "./launch-settings.ts";
import { startByHelper, startByNode } from "./start-bubblewrap.ts";
import type { SandboxStart, StartedSandbox } from "./started-sandbox.ts";

/**
 * Has the helper build a sandbox; where it cannot, starts a bwrap that will, through the helper where there is one. Leaves
 * nothing behind when it rejects.
 */
export async function startSandbox(
  settings: LaunchSettings,
  id: string,
  start: SandboxStart,
): Promise<StartedSandbox> {
  const helper = settings.helpers?.now;
  try {
    if (helper === undefined && start.command.isFunctions === true)
      throw new Error("a function's own program cannot open its listeners");
    if (helper === undefined) return await startByNode(settings, start);
    const builder = settings.helpers?.builderWith(helper);
    const template = start.user && (await builder?.template(start.command.mountPoints));
    return await (builder === undefined || template === undefined
      ? startByHelper(helper, settings, { id, ...start })
      : buildSandbox({ helper, builder, template }, settings, start));
  } finally {
    for (const { writeDescriptor } of start.outputs) closeSync(writeDescriptor);
  }
}
