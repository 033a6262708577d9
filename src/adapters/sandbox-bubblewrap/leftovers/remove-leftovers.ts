import { rm } from "node:fs/promises";
import { join } from "node:path";
import { openControlGroups } from "../cgroups/open-control-groups.ts";
import { removeHalfCompiled } from "../helper/compile-helper.ts";
import { sweepOutboundNetwork } from "../network/open-outbound-network.ts";
import { ScratchVolumes } from "../scratch-volumes.ts";
import { Workspace } from "../workspace.ts";

/** By what the things of one driver are told from those of others on the machine. */
export interface Footprint {
  /** In the names of control groups, of the table of nftables and of interfaces. */
  readonly instance: string;
  /** Absolute. */
  readonly dataDirectory: string;
  readonly workspaceDirectory: string;
  readonly isRoot: boolean;
  /** Whether mounts are made, in a mount namespace of the driver's own. */
  readonly mounting: boolean;
}

/**
 * Removes everything that a driver has left on the machine which ended without closing. To be called in its mount namespace
 * by the owner of the footprint (`leftover-watch.ts`). Rejects when something cannot be removed; firewall rules stay while
 * a process may run for which they were made.
 */
export async function removeLeftovers(footprint: Footprint): Promise<void> {
  const { instance, dataDirectory, workspaceDirectory, isRoot, mounting } = footprint;
  const groups = openControlGroups(instance, isRoot);
  await groups?.sweep();
  await groups?.close();
  if (isRoot) await sweepOutboundNetwork(instance);
  await Workspace.remove(workspaceDirectory, mounting);
  await rm(ScratchVolumes.filesIn(dataDirectory), { recursive: true, force: true });
  await removeHalfCompiled(join(dataDirectory, "cache"));
}
