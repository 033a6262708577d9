import type { ChildProcess } from "node:child_process";
import { readFileSync } from "node:fs";
import type { Server, Socket } from "node:net";
import { PassThrough, Readable } from "node:stream";
import type { Sandbox, SandboxExit } from "../../ports/sandbox.ts";
import { killGroup } from "./process-records.ts";

const KIBIBYTE = 1_024;
const TELEMETRY_DESCRIPTOR = 4;

export interface ProcessSandboxParts {
  readonly id: string;
  readonly child: ChildProcess & { readonly pid: number };
  readonly runtimeApi: Server;
  readonly awsEndpoint: Server;
  readonly temporaryDirectory: string;
  /** Called once, when the process has ended. */
  readonly onStopped: () => Promise<void>;
  /** Removes the temporary directory, unless another sandbox has taken it over. Called once. */
  readonly onDestroyed: (temporaryDirectory: string | undefined) => Promise<void>;
}

/** An ordinary process of this machine in the place of a sandbox: nothing is isolated and nothing is limited. */
export class ProcessSandbox implements Sandbox {
  readonly id: string;
  readonly runtimeApi: Server;
  readonly awsEndpoint: Server;
  readonly stdout: Readable;
  readonly stderr: Readable;
  readonly telemetry: Readable;
  readonly exited: Promise<SandboxExit>;
  readonly #processId: number;
  readonly #parts: ProcessSandboxParts;
  readonly #connections = new Set<Socket>();
  #peakBytes: number | undefined;
  #temporaryDirectory: string | undefined;
  #stopped: Promise<void> | undefined;
  #destroyed: Promise<void> | undefined;

  constructor(parts: ProcessSandboxParts) {
    const { child } = parts;
    this.id = parts.id;
    this.runtimeApi = parts.runtimeApi;
    this.awsEndpoint = parts.awsEndpoint;
    this.stdout = readable(child.stdout);
    this.stderr = readable(child.stderr);
    this.telemetry = readable(child.stdio[TELEMETRY_DESCRIPTOR]);
    this.#processId = child.pid;
    this.#parts = parts;
    this.#temporaryDirectory = parts.temporaryDirectory;
    this.exited = new Promise((resolve) => {
      child.once("exit", (code, signal) => resolve({ code, signal, outOfMemory: false }));
    });
    for (const server of [parts.runtimeApi, parts.awsEndpoint]) {
      server.on("connection", (connection: Socket) => {
        this.#connections.add(connection);
        connection.once("close", () => this.#connections.delete(connection));
      });
    }
  }

  /** A process has no CPU share of its own; `IsolationReport.limits` says so. */
  limitCpu(): void {}

  freeze(): void {}

  thaw(): void {}

  /** The kernel's own record of the peak on Linux; other systems tell only when the process has ended. */
  memoryPeakBytes(): number | undefined {
    if (process.platform !== "linux") return undefined;
    try {
      const status = readFileSync(`/proc/${this.#processId}/status`, "latin1");
      const peakKib = /^VmHWM:\s*(\d+) kB/m.exec(status)?.[1];
      if (peakKib !== undefined) this.#peakBytes = Number(peakKib) * KIBIBYTE;
    } catch {
      // It has ended: the last answer stands.
    }
    return this.#peakBytes;
  }

  stop(): Promise<void> {
    this.#stopped ??= this.#stop();
    return this.#stopped;
  }

  /** Ends it; the directory belongs to the caller then, unless it is gone already. */
  async handOnTemporaryDirectory(): Promise<string | undefined> {
    await this.stop();
    const directory = this.#temporaryDirectory;
    this.#temporaryDirectory = undefined;
    return directory;
  }

  destroy(): Promise<void> {
    this.#destroyed ??= this.handOnTemporaryDirectory().then((directory) =>
      this.#parts.onDestroyed(directory),
    );
    return this.#destroyed;
  }

  async #stop(): Promise<void> {
    killGroup(this.#processId);
    await this.exited;
    for (const server of [this.runtimeApi, this.awsEndpoint]) server.close();
    for (const connection of this.#connections) connection.destroy();
    for (const stream of [this.stdout, this.stderr, this.telemetry])
      if (stream.readableFlowing === null) stream.resume();
    await this.#parts.onStopped();
  }
}

/** Node throws away what is unread when a process ends; what a short-lived one has written is kept for its reader. */
function readable(stream: unknown): Readable {
  if (!(stream instanceof Readable)) throw new Error("a pipe of the process is missing");
  return stream.pipe(new PassThrough());
}
