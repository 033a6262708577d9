import { readFileSync } from "node:fs";

const LOOK_EVERY_MS = 2_000;
/** Of all processors' time, from which on programs stand still in a way that no limit of time can foresee. */
const STOLEN_SHARE = 0.4;
const HELD_UP_MS = 4_000;

/** Of the first line of /proc/stat, in ticks. */
interface ProcessorTime {
  readonly allTicks: number;
  readonly stolenTicks: number;
}

/** Watches how much of its processors' time this machine is not given by what it runs on, a host with other guests. */
export class StolenTime {
  readonly #looks: { readonly fromMs: number; readonly toMs: number }[] = [];
  #last: ProcessorTime & { readonly atMs: number };

  constructor(stat: string, atMs: number) {
    this.#last = { ...processorTime(stat), atMs };
  }

  /** From now on, as long as this process runs; undefined where the system does not tell. */
  static watch(): StolenTime | undefined {
    if (process.platform !== "linux") return undefined;
    const read = (): string => readFileSync("/proc/stat", "utf8");
    const stolen = new StolenTime(read(), Date.now());
    setInterval(() => stolen.look(read(), Date.now()), LOOK_EVERY_MS).unref();
    return stolen;
  }

  look(stat: string, atMs: number): void {
    const now = processorTime(stat);
    const share = (now.stolenTicks - this.#last.stolenTicks) / (now.allTicks - this.#last.allTicks);
    if (share > STOLEN_SHARE) this.#looks.push({ fromMs: this.#last.atMs, toMs: atMs });
    this.#last = { ...now, atMs };
  }

  /** Whether this machine stood still for some seconds in that time. */
  hasHeldUp(fromMs: number, toMs: number): boolean {
    const inside = this.#looks.map((look) => Math.min(look.toMs, toMs) - Math.max(look.fromMs, fromMs));
    return inside.reduce((sum, ms) => sum + Math.max(0, ms), 0) >= HELD_UP_MS;
  }
}

function processorTime(stat: string): ProcessorTime {
  const [, ...ticks] = (stat.split("\n")[0] ?? "").trim().split(/\s+/).map(Number);
  // Guests' time, which comes behind, is in the users'.
  const own = ticks.slice(0, 8);
  return { allTicks: own.reduce((sum, each) => sum + each, 0), stolenTicks: own[7] ?? 0 };
}
