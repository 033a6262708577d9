import { readFileSync } from "node:fs";
import { ownV2Path, parseCgroupMounts } from "./cgroup-mounts.ts";
import type { ControlGroups } from "./control-group.ts";
import { openControlGroupsV1 } from "./control-groups-v1.ts";
import { openControlGroupsV2 } from "./control-groups-v2.ts";
import { readControl } from "./group-directory.ts";

/**
 * Finds out which control groups this process may use, and makes the parent of one instance's groups. Undefined:
 * none, so nothing can be limited.
 */
export function openControlGroups(instance: string, isRoot: boolean): ControlGroups | undefined {
  const mounts = parseCgroupMounts(readFileSync("/proc/self/mountinfo", "utf8"));
  const { v2 } = mounts;
  if (v2 !== undefined && controllersOf(v2).includes("memory")) {
    const ownPath = ownV2Path(readFileSync("/proc/self/cgroup", "utf8")) ?? "/";
    return openControlGroupsV2({ mount: v2, ownPath, isRoot }, instance);
  }
  return openControlGroupsV1(mounts, instance);
}

function controllersOf(group: string): string[] {
  return (readControl(group, "cgroup.controllers") ?? "").trim().split(" ");
}
