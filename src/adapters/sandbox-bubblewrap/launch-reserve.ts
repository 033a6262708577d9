import { randomBytes } from "node:crypto";
import type { Belongings } from "./belongings.ts";
import { type Launch, prepareLaunch } from "./launch.ts";
import type { LaunchCommand } from "./launch-command.ts";
import type { LaunchSettings } from "./launch-settings.ts";
import { USUAL_SIZE_MB } from "./scratch-volumes.ts";

/** Waiting bwraps for each of the commands used last. */
const PER_COMMAND = 2;
const COMMANDS = 6;

const newLaunchId = (): string => randomBytes(8).toString("hex");

/** Keeps launches ready for the commands that were used before, as bwrap takes its command when it is started. */
export class LaunchReserve {
  readonly #settings: LaunchSettings;
  readonly #discard: (launch: Launch) => Promise<void>;
  /** Command → launches; the command used last is at the end. */
  readonly #ready = new Map<string, Promise<Launch>[]>();
  #closed = false;

  constructor(settings: LaunchSettings, discard: (launch: Launch) => Promise<void>) {
    this.#settings = settings;
    this.#discard = discard;
  }

  /** A launch for the command with a /tmp of that size, ready or made now. */
  async take(command: LaunchCommand, scratchMb: number): Promise<Launch> {
    if (scratchMb !== USUAL_SIZE_MB) return this.#prepare(command, scratchMb);
    const ready = await this.#ready
      .get(JSON.stringify(command))
      ?.shift()
      ?.catch(() => undefined);
    if (ready === undefined) return this.#prepare(command);
    if (ready.isRunning()) return ready;
    // Killed while it waited, by the operator or for lack of the machine's memory.
    await this.#discard(ready);
    return this.#prepare(command);
  }

  /** A launch made now, with what is kept of an earlier sandbox. */
  prepareFor(command: LaunchCommand, kept: Belongings): Promise<Launch> {
    return prepareLaunch(this.#settings, newLaunchId(), { command, scratchMb: USUAL_SIZE_MB, kept });
  }

  /** Prepares launches for a command that is likely to be wanted again. */
  async refill(command: LaunchCommand): Promise<void> {
    if (this.#closed) return;
    const key = JSON.stringify(command);
    const ready = this.#ready.get(key) ?? [];
    this.#ready.delete(key);
    this.#ready.set(key, ready);
    while (ready.length < PER_COMMAND) {
      const next = this.#prepare(command);
      // Whoever takes it makes another one; this is only to have the failure handled until then.
      next.catch(() => {});
      ready.push(next);
    }
    await this.#forgetOldCommands();
  }

  async close(): Promise<void> {
    this.#closed = true;
    const all = [...this.#ready.values()].flatMap((launches) => launches.splice(0));
    await Promise.all(all.map((launch) => this.#drop(launch)));
  }

  #prepare(command: LaunchCommand, scratchMb = USUAL_SIZE_MB): Promise<Launch> {
    return prepareLaunch(this.#settings, newLaunchId(), { command, scratchMb });
  }

  async #forgetOldCommands(): Promise<void> {
    for (const [key, launches] of this.#ready) {
      if (this.#ready.size <= COMMANDS) return;
      this.#ready.delete(key);
      await Promise.all(launches.map((launch) => this.#drop(launch)));
    }
  }

  async #drop(launch: Promise<Launch>): Promise<void> {
    const [result] = await Promise.allSettled([launch]);
    if (result?.status === "fulfilled") await this.#discard(result.value);
  }
}
