import { readdirSync, readFileSync } from "node:fs";

/** Files behind the machine's loop devices. (A glob does not follow the links in /sys/block.) */
export function loopDeviceFiles(): string[] {
  return readdirSync("/sys/block")
    .filter((name) => name.startsWith("loop"))
    .flatMap((name) => {
      try {
        return [readFileSync(`/sys/block/${name}/loop/backing_file`, "latin1")];
      } catch {
        // It is not in use.
        return [];
      }
    });
}
