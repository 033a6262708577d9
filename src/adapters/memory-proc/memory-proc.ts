import { readFileSync } from "node:fs";
import type { MemoryPressure } from "../../ports/memory-pressure.ts";

/** From /proc/meminfo; other systems do not tell what they could free. */
export const procMemoryPressure: MemoryPressure = {
  availableShare() {
    let text: string;
    try {
      text = readFileSync("/proc/meminfo", "latin1");
    } catch {
      return undefined;
    }
    const kibibytes = (name: string): number =>
      Number(new RegExp(`^${name}:\\s+(\\d+)`, "m").exec(text)?.[1]);
    const share = kibibytes("MemAvailable") / kibibytes("MemTotal");
    return Number.isNaN(share) ? undefined : share;
  },
};
