import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import type { Server } from "node:net";
import type { Readable } from "node:stream";
import { text } from "node:stream/consumers";

export interface RuntimeProcessOptions {
  readonly command: readonly string[];
  readonly environmentVariables: Readonly<Record<string, string>>;
  readonly cwd: string;
  /** Name and port of the listeners to be handed over; none by default. */
  readonly listen?: string;
  /** Leave it the variables with which Node makes the channel a channel of its own; false by default. */
  readonly hasChannelVariables?: boolean;
  /** Give the process a telemetry descriptor (4); true by default. */
  readonly telemetry?: boolean;
}

/** A record written to the telemetry descriptor. */
export interface TelemetryRecord {
  readonly type: number;
  readonly timeMs: number;
  readonly text: string;
}

const FRAME_HEADER_BYTES = 16;
/** Records that the kernel might cut come in parts, here one after the other. */
const PART = 0x20;
const PART_HEAD_BYTES = 8;
const ATOMIC_BYTES = 4_096;

/** A runtime client started the way a sandbox starts it, without the sandbox: 3 is the channel, 4 telemetry. */
export class RuntimeProcess {
  readonly child: ChildProcess;
  readonly stdout: Promise<string>;
  readonly stderr: Promise<string>;
  readonly exited: Promise<{ code: number | null; signal: string | null }>;
  readonly listeners = new Map<string, Server>();
  readonly #telemetry: Buffer[] = [];
  readonly #telemetryEnded: Promise<void>;

  constructor(options: RuntimeProcessOptions) {
    // Node tells its children of the channel in variables, which sandboxes have not.
    const [file = "", ...args] =
      options.listen === undefined || options.hasChannelVariables
        ? options.command
        : ["env", "-u", "NODE_CHANNEL_FD", "-u", "NODE_CHANNEL_SERIALIZATION_MODE", ...options.command];
    const withTelemetry = options.telemetry !== false;
    this.child = spawn(file, args, {
      cwd: options.cwd,
      env: {
        PATH: "/usr/local/bin:/usr/bin:/bin",
        ...options.environmentVariables,
        ...(withTelemetry ? { _LAMBDA_TELEMETRY_LOG_FD: "4" } : {}),
        ...(options.listen === undefined ? {} : { LAMBENT_LISTEN: options.listen }),
      },
      stdio: ["ignore", "pipe", "pipe", options.listen === undefined ? "ignore" : "ipc", "pipe"],
    });
    this.stdout = text(this.child.stdout as Readable);
    this.stderr = text(this.child.stderr as Readable);
    this.exited = new Promise((resolve) => {
      this.child.once("exit", (code, signal) => resolve({ code, signal }));
    });
    const telemetry = this.child.stdio[4] as Readable;
    telemetry.on("data", (chunk: Buffer) => this.#telemetry.push(chunk));
    this.#telemetryEnded = new Promise((resolve) => {
      telemetry.once("close", resolve);
    });
  }

  /** Takes over the listeners, as the sandbox driver does, and closes the channel. */
  async takeListeners(count: number): Promise<void> {
    await new Promise<void>((resolve) => {
      this.child.on("message", (message: { listener: string }, handle) => {
        this.listeners.set(message.listener, handle as Server);
        if (this.listeners.size === count) resolve();
      });
    });
    this.child.disconnect();
  }

  /** All records, once the process has ended. */
  async telemetry(): Promise<TelemetryRecord[]> {
    await this.#telemetryEnded;
    const bytes = Buffer.concat(this.#telemetry);
    const records: TelemetryRecord[] = [];
    let texts: Buffer[] = [];
    for (let at = 0; at < bytes.length; ) {
      const length = bytes.readUInt32BE(at + 4);
      const start = at + FRAME_HEADER_BYTES;
      const type = bytes.readUInt32BE(at);
      const timeMs = Number(bytes.readBigUInt64BE(at + 8)) / 1000;
      const isPart = (type & PART) !== 0;
      texts.push(bytes.subarray(isPart ? start + PART_HEAD_BYTES : start, start + length));
      at = start + length;
      if (isPart) assert.ok(FRAME_HEADER_BYTES + length <= ATOMIC_BYTES, `${length} bytes`);
      if (isPart && bytes.readUInt32BE(start + 4) > 0) continue;
      records.push({ type: (type & ~PART) >>> 0, timeMs, text: Buffer.concat(texts).toString("utf8") });
      texts = [];
    }
    return records;
  }

  /** Ends the process, if it has not ended, and resolves when it has. */
  async stop(): Promise<void> {
    this.child.kill("SIGKILL");
    for (const server of this.listeners.values()) server.close();
    await this.exited;
  }
}
