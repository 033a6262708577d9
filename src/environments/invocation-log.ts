import type { Readable } from "node:stream";
import { applicationLogFilter } from "../core/application-log-level.ts";
import type { FunctionVersion } from "../core/function-version.ts";
import { type PlatformLog, platformLog } from "../core/platform-log.ts";
import {
  type ExtensionState,
  type InitializationType,
  type InitReport,
  type InitRuntimeDone,
  type InitStart,
  type InvocationReport,
  type InvocationStart,
  platformRecords,
  type RecordOwner,
  type RuntimeDone,
  type TelemetrySubscription,
} from "../core/platform-records.ts";
import type { Clock } from "../ports/clock.ts";
import type { LogStreamWriter } from "../ports/log-sink.ts";
import type { SupervisionEvent } from "./extension-launch.ts";
import { splitOutput } from "./function-output.ts";
import type { EnvironmentPace } from "./output-pace.ts";
import type { TelemetryStream } from "./telemetry-stream.ts";

/** AWS: LogType=Tail gives the last 4 KB of the invocation's log. */
const TAIL_BYTES = 4096;

/** Everything one execution environment writes to its log stream: the platform's own events and the function's output. */
export class InvocationLog {
  readonly #writer: LogStreamWriter;
  readonly #clock: Clock;
  readonly #pace: EnvironmentPace;
  readonly #platform: PlatformLog;
  readonly #owner: RecordOwner;
  readonly #isWanted: (line: string) => boolean;
  #telemetry: TelemetryStream | undefined;
  /** Write what the sandbox's output has begun a line with. */
  #flushes: (() => void)[] = [];
  /** The present invocation's log, when its caller asked for the tail, or may still do so. */
  #tail: string | undefined;

  constructor(
    version: FunctionVersion,
    writer: LogStreamWriter,
    { clock, pace }: { readonly clock: Clock; readonly pace: EnvironmentPace },
    initializationType: InitializationType,
  ) {
    this.#writer = writer;
    this.#clock = clock;
    this.#pace = pace;
    const now = (): string => new Date(clock.nowMs()).toISOString();
    this.#platform = platformLog(version, now, initializationType);
    this.#owner = { ...version, initializationType };
    this.#isWanted = applicationLogFilter(version.logging);
  }

  /** From now on everything is told to that stream as well, in the place of an earlier one. */
  observe(telemetry: TelemetryStream): void {
    this.#telemetry = telemetry;
  }

  /** Whether anybody wants to hear of `runtimeDone`; where nobody does, its figures need not be taken. */
  get wantsRuntimeDone(): boolean {
    return this.#platform.tellsRuntimeDone || this.#observer !== undefined;
  }

  /** Takes over a sandbox's output; every line or framed record becomes one log event. */
  follow(
    output: {
      readonly stdout: Readable;
      readonly stderr?: Readable | undefined;
      readonly telemetry?: Readable | undefined;
      readonly extensionOutput?: Readable | undefined;
    },
    onSupervision?: (event: SupervisionEvent) => void,
  ): void {
    const telemetry = this.#telemetry;
    this.#flushes = [];
    const tell = (category: "function" | "extension", timestampMs: number, line: string): void => {
      if (telemetry?.isObserved === true) telemetry.output(category, timestampMs, line);
    };
    const writeOwn = (timestampMs: number, line: string, how: "printed" | "recorded"): void => {
      // AWS: levels say what CloudWatch Logs gets.
      if (how === "recorded" || this.#isWanted(line)) this.#write(timestampMs, line);
      tell("function", timestampMs, line);
    };
    for (const stream of [output.stdout, output.stderr, output.telemetry])
      if (stream !== undefined) this.#followOutput(stream, writeOwn, onSupervision);
    if (output.extensionOutput !== undefined)
      this.#followOutput(output.extensionOutput, (timestampMs, line) => {
        this.#write(timestampMs, line);
        tell("extension", timestampMs, line);
      });
  }

  #followOutput(
    stream: Readable,
    write: (timestampMs: number, line: string, how: "printed" | "recorded") => void,
    onSupervision?: (event: SupervisionEvent) => void,
  ): void {
    const nowMs = (): number => this.#clock.nowMs();
    const splitter = splitOutput({
      nowMs,
      onLine: (line) => write(nowMs(), line, "printed"),
      onRecord: (timestampMs, text) =>
        write(timestampMs ?? nowMs(), text.endsWith("\n") ? text : `${text}\n`, "recorded"),
      onSupervision,
    });
    this.#flushes.push(() => splitter.flush());
    this.#read(stream, (chunk) => splitter.write(chunk));
    stream.on("close", () => splitter.end());
    stream.on("error", () => splitter.end());
  }

  /** No faster than output is taken; `take` says how many events it was. */
  #read(stream: Readable, take: (chunk: Buffer) => number): void {
    const pace = this.#pace;
    pace.add(stream);
    stream.on("data", (chunk: Buffer) => pace.took(take(chunk), chunk.length));
    stream.on("close", () => pace.closed(stream));
  }

  extension(state: ExtensionState): void {
    this.#platformEvent(this.#platform.extension(state));
    this.#observer?.platform(platformRecords.extension(state));
  }

  subscription(subscription: TelemetrySubscription): void {
    this.#platformEvent(this.#platform.subscription(subscription));
    this.#observer?.platform(platformRecords.subscription(subscription));
  }

  /**
   * AWS: the tail of the invocation that comes next has what is written from here on, but not this line. Provisioned
   * environments initialise for no invocation.
   */
  initStart(event: InitStart): void {
    this.#platformEvent(this.#platform.initStart(event));
    this.#tail = this.#owner.initializationType === "on-demand" ? (this.#tail ?? "") : undefined;
    this.#observer?.platform(platformRecords.initStart(this.#owner, event));
  }

  initRuntimeDone(event: InitRuntimeDone): void {
    this.#platformEvent(this.#platform.initRuntimeDone(event));
    this.#observer?.platform(platformRecords.initRuntimeDone(this.#owner, event));
  }

  initReport(report: InitReport): void {
    this.#platformEvent(this.#platform.initReport(report));
    this.#observer?.platform(platformRecords.initReport(this.#owner, report));
  }

  runtimeDone(done: RuntimeDone): void {
    this.#platformEvent(this.#platform.runtimeDone(done));
    this.#observer?.platform(platformRecords.runtimeDone(done));
  }

  start(event: InvocationStart, wantsTail: boolean): void {
    this.#tail = wantsTail ? (this.#tail ?? "") : undefined;
    this.#platformEvent(this.#platform.start(event));
    this.#observer?.platform(platformRecords.start(event));
  }

  /**
   * END and REPORT, behind a line that the function has not ended: AWS does not keep it for the next invocation. Returns
   * the tail, when the invocation's caller asked for it.
   */
  end(report: InvocationReport): string | undefined {
    for (const flush of this.#flushes) flush();
    this.#platformEvent(this.#platform.end(report));
    this.#platformEvent(this.#platform.report(report));
    this.#observer?.platform(platformRecords.report(report));
    const tail = this.#tail;
    this.#tail = undefined;
    return tail === undefined ? undefined : lastBytes(tail, TAIL_BYTES);
  }

  /** The stream while somebody may listen: for nobody else records are made. */
  get #observer(): TelemetryStream | undefined {
    return this.#telemetry?.isObserved === true ? this.#telemetry : undefined;
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
