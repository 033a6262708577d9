import type { Readable } from "node:stream";
import type { FunctionVersion } from "../core/function-version.ts";
import {
  type ExtensionState,
  type InitializationType,
  type InitReport,
  type InvocationReport,
  type PlatformLog,
  platformLog,
} from "../core/platform-log.ts";
import type { Clock } from "../ports/clock.ts";
import type { LogStreamWriter } from "../ports/log-sink.ts";
import type { SupervisionEvent } from "./extension-launch.ts";
import { splitLines } from "./line-splitter.ts";
import { decodeFrames } from "./telemetry-frames.ts";

/** AWS: LogType=Tail gives the last 4 KB of the invocation's log. */
const TAIL_BYTES = 4096;

/** Everything one execution environment writes to its log stream: the platform's own events and the function's output. */
export class InvocationLog {
  readonly #writer: LogStreamWriter;
  readonly #clock: Clock;
  readonly #platform: PlatformLog;
  /** The present invocation's log, when its caller asked for the tail. */
  #tail: string | undefined;

  constructor(
    version: FunctionVersion,
    writer: LogStreamWriter,
    clock: Clock,
    initializationType: InitializationType,
  ) {
    this.#writer = writer;
    this.#clock = clock;
    const now = (): string => new Date(clock.nowMs()).toISOString();
    this.#platform = platformLog(version, now, initializationType);
  }

  /** Takes over a sandbox's output; every line or framed record becomes one log event. */
  follow(
    output: { readonly stdout: Readable; readonly stderr: Readable; readonly telemetry: Readable },
    onSupervision?: (event: SupervisionEvent) => void,
  ): void {
    for (const stream of [output.stdout, output.stderr]) {
      const lines = splitLines((line) => this.#write(this.#clock.nowMs(), line));
      stream.on("data", (chunk: Buffer) => lines.write(chunk));
      stream.on("close", () => lines.flush());
      stream.on("error", () => lines.flush());
    }
    const frames = decodeFrames(
      (timestampMs, message) =>
        this.#write(timestampMs ?? this.#clock.nowMs(), message.endsWith("\n") ? message : `${message}\n`),
      onSupervision,
    );
    output.telemetry.on("data", (chunk: Buffer) => frames.write(chunk));
    output.telemetry.on("error", () => undefined);
  }

  extension(state: ExtensionState): void {
    this.#platformEvent(this.#platform.extension(state));
  }

  initStart(runtimeVersion: string, runtimeVersionArn: string): void {
    this.#platformEvent(this.#platform.initStart({ runtimeVersion, runtimeVersionArn }));
  }

  initReport(report: InitReport): void {
    this.#platformEvent(this.#platform.initReport(report));
  }

  start(requestId: string, version: string, wantsTail: boolean): void {
    this.#tail = wantsTail ? "" : undefined;
    this.#platformEvent(this.#platform.start({ requestId, version }));
  }

  /** END and REPORT. Returns the tail, when the invocation's caller asked for it. */
  end(report: InvocationReport): string | undefined {
    this.#platformEvent(this.#platform.end(report));
    this.#platformEvent(this.#platform.report(report));
    const tail = this.#tail;
    this.#tail = undefined;
    return tail === undefined ? undefined : lastBytes(tail, TAIL_BYTES);
  }

  #platformEvent(line: string | undefined): void {
    if (line !== undefined) this.#write(this.#clock.nowMs(), line);
  }

  #write(timestampMs: number, message: string): void {
    this.#writer.write(timestampMs, message);
    if (this.#tail === undefined) return;
    const grown = this.#tail + message;
    this.#tail = grown.length > 2 * TAIL_BYTES ? grown.slice(-TAIL_BYTES) : grown;
  }
}

/** The end of a text that fits `maxBytes` in UTF-8, cut between characters. */
function lastBytes(text: string, maxBytes: number): string {
  const bytes = Buffer.from(text);
  if (bytes.length <= maxBytes) return text;
  let from = bytes.length - maxBytes;
  while (((bytes[from] ?? 0) & 0xc0) === 0x80) from++;
  return bytes.toString("utf8", from);
}
