import { readFileSync } from "node:fs";
import type { Server, Socket } from "node:net";
import { constants } from "node:os";
import type { Readable } from "node:stream";
import { setTimeout as delay } from "node:timers/promises";
import { FRAMES_CONNECTION, type Sandbox, type SandboxExit, type SandboxRelay } from "../../ports/sandbox.ts";
import type { Belongings, KeptBelongings } from "./belongings.ts";
import type { GroupLimits } from "./cgroups/control-group.ts";
import type { ConnectionAllowance } from "./connection-allowance.ts";
import type { HandOverChannel } from "./hand-over-channel.ts";
import { InsideRelay, type RelayConnections, type RelayPrograms } from "./inside-relay.ts";
import type { Launch } from "./launch.ts";
import { MemoryUse } from "./memory-use.ts";

/** AWS: this much memory comes with one vCPU ("Configure Lambda function memory"). */
const MEMORY_MB_PER_CPU = 1_769;
const MEBIBYTE = 1_048_576;
/** A program ended by signal n is reported as exit status 128 + n, like a shell does. */
const SIGNAL_STATUS = 128;
const END_POLL_MS = 5;
const END_POLLS = 400;

const signalNames = new Map(Object.entries(constants.signals).map(([name, number]) => [number, name]));

/** AWS: processes and threads together ("Lambda quotas"). */
export const PROCESSES_MAX = 1_024;
/** Until `limitCpu`. AWS gives functions more than their share while they initialise. */
const BURST_CPUS = 2;

/** Limits of an environment of this memory size until it is initialised. */
export function initialLimits(memoryMb: number): GroupLimits {
  return {
    memoryBytes: memoryMb * MEBIBYTE,
    processes: PROCESSES_MAX,
    cpus: Math.max(BURST_CPUS, cpuShare(memoryMb)),
  };
}

/** CPUs' worth of time that come with a memory size. */
function cpuShare(memoryMb: number): number {
  return memoryMb / MEMORY_MB_PER_CPU;
}

/** What a sandbox is made of besides its processes. */
export interface SandboxParts {
  readonly id: string;
  readonly launch: Launch;
  readonly memoryMb: number;
  readonly belongings: KeptBelongings;
  readonly extensionOutput?: Readable | undefined;
  /** Undefined: nothing inside can be reached from outside. */
  readonly relayPrograms: RelayPrograms | undefined;
  /** Called once, when no process is left. */
  readonly onStopped: () => Promise<void>;
  /** Called once, when nothing is left. */
  readonly onDestroyed: () => void;
}

/** A sandbox run by bwrap. Made before its program runs; the listeners are there once the hand-over is done. */
export class BubblewrapSandbox implements Sandbox {
  readonly id: string;
  readonly stdout: Readable;
  readonly extensionOutput: Readable | undefined;
  readonly openRelay: Sandbox["openRelay"];
  readonly exited: Promise<SandboxExit>;
  readonly #launch: Launch;
  #memoryMb: number;
  readonly #memory: MemoryUse;
  readonly #parts: SandboxParts;
  readonly #connections = new Set<Socket>();
  readonly #relays: InsideRelay[] = [];
  #outOfMemory = false;
  #isFrozen = false;
  #stopped: Promise<void> | undefined;
  #destroyed: Promise<void> | undefined;

  constructor(parts: SandboxParts) {
    const { launch } = parts;
    this.id = parts.id;
    this.stdout = launch.stdout;
    this.extensionOutput = parts.extensionOutput;
    const { relayPrograms } = parts;
    if (relayPrograms !== undefined)
      this.openRelay = (port, connections) => this.#openRelay(relayPrograms, port, connections);
    this.#launch = launch;
    this.#memoryMb = parts.memoryMb;
    this.#memory = new MemoryUse(launch);
    launch.firstProcess.then((processId) => this.#memory.reaperIs(processId)).catch(() => undefined);
    this.#parts = parts;
    this.exited = this.#watchExit();
  }

  get handOver(): HandOverChannel {
    return this.#launch.handOver;
  }

  get runtimeApi(): Server {
    return this.#launch.handOver.listener("runtime-api");
  }

  get awsEndpoint(): Server {
    return this.#launch.handOver.listener("aws-endpoint");
  }

  /** Call when the listeners are there: what they accept is closed with the sandbox, and not more than is allowed. */
  trackConnections(allowance: ConnectionAllowance): void {
    allowance.limit("runtime-api", this.runtimeApi);
    allowance.limit("aws-endpoint", this.awsEndpoint);
    const track = (connection: Socket): void => {
      this.#connections.add(connection);
      connection.once("close", () => this.#connections.delete(connection));
    };
    for (const server of [this.runtimeApi, this.awsEndpoint]) server.on("connection", track);
    this.runtimeApi.on(FRAMES_CONNECTION, track);
  }

  /** A sandbox that has waited for its function gets the function's limits, still with the CPU of initialisation. */
  assigned(memoryMb: number): void {
    this.#memoryMb = memoryMb;
    this.thaw();
    this.#launch.group?.setLimits(initialLimits(memoryMb));
  }

  limitCpu(): void {
    this.#launch.group?.setCpus(cpuShare(this.#memoryMb));
  }

  memoryPeakBytes(): number | undefined {
    // A child may have had too much, and the program may go on.
    const wasFull = this.#outOfMemory || this.#launch.group?.outOfMemory() === true;
    return wasFull ? this.#memoryMb * MEBIBYTE : this.#memory.peakBytes();
  }

  terminate(): void {
    if (this.#launch.terminate !== undefined) {
      this.#launch.terminate();
      return;
    }
    this.#launch.firstProcess
      .then((processId) => {
        // The first process inside is bwrap's or ours; the program is its first child.
        const [program] = readFileSync(`/proc/${processId}/task/${processId}/children`, "latin1").split(" ");
        if (program) process.kill(Number(program), "SIGTERM");
      })
      // It has ended already.
      .catch(() => undefined);
  }

  /** Stops every process where it stands, until `thaw`. Without control groups it does nothing. */
  freeze(): void {
    this.#isFrozen = true;
    this.#launch.group?.freeze();
  }

  thaw(): void {
    if (!this.#isFrozen) return;
    this.#isFrozen = false;
    this.#launch.group?.thaw();
  }

  #openRelay(programs: RelayPrograms, port: number, connections: RelayConnections): SandboxRelay {
    const relay = new InsideRelay(programs, this.#launch, { port, connections });
    this.#relays.push(relay);
    return relay;
  }

  stop(): Promise<void> {
    this.#stopped ??= this.#stop();
    return this.#stopped;
  }

  /** Ends it and hands on what another sandbox of the same environment carries on. */
  async handOnBelongings(): Promise<Belongings | undefined> {
    await this.stop();
    return this.#parts.belongings.handOn();
  }

  destroy(): Promise<void> {
    this.#destroyed ??= this.#destroy();
    return this.#destroyed;
  }

  async #destroy(): Promise<void> {
    await this.stop();
    await this.#parts.belongings.release();
    this.#parts.onDestroyed();
  }

  async #watchExit(): Promise<SandboxExit> {
    const { code, signal } = await this.#launch.ended;
    this.#outOfMemory = this.#launch.group?.outOfMemory() ?? false;
    const outOfMemory = this.#outOfMemory;
    const name = code === null ? signal : signalNames.get(code - SIGNAL_STATUS);
    return name === undefined || name === null
      ? { code, signal: null, outOfMemory }
      : { code: null, signal: name, outOfMemory };
  }

  async #stop(): Promise<void> {
    const { group, handOver } = this.#launch;
    const reaper = this.#memory.reaperProcessId() ?? 0;
    for (const relay of this.#relays) relay.close();
    group?.kill();
    // It may not be in its group yet.
    this.#launch.kill();
    // One that still waits for what it is to show gives up.
    this.#launch.start(undefined);
    await this.exited;
    handOver.close();
    // The host's ends would keep the network namespace alive.
    for (const connection of this.#connections) connection.destroy();
    for (const stream of [this.stdout, this.extensionOutput])
      if (stream?.readableFlowing === null) stream.resume();
    // The kernel ends the processes of a namespace after its first one, which dies with bwrap; a group is removed
    // when the last one is gone.
    if (group !== undefined) await group.remove();
    else for (let poll = 0; poll < END_POLLS && !hasEnded(reaper); poll++) await delay(END_POLL_MS);
    await this.#parts.onStopped();
  }
}

/**
 * Whether a process runs nothing any more. One that has ended stays in /proc until the machine's first process,
 * which inherits it from bwrap, asks for its status, and that may take seconds.
 */
function hasEnded(processId: number): boolean {
  try {
    const stat = readFileSync(`/proc/${processId}/stat`, "latin1");
    return ["Z", "X"].includes(stat.slice(stat.lastIndexOf(")") + 2)[0] ?? "");
  } catch {
    return true;
  }
}
