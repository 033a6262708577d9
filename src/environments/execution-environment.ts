import assert from "node:assert/strict";
import {
  exited,
  type FunctionFailure,
  initFailure,
  reportedErrorType,
  responseTooLarge,
  responseTruncated,
  timedOut,
} from "../core/function-error.ts";
import type { InvocationRequest, InvocationResult } from "../core/invocation.ts";
import { billedDurationMs } from "../core/platform-log.ts";
import type { InitPhase, InvocationStatus, Span } from "../core/platform-records.ts";
import type { Clock } from "../ports/clock.ts";
import type { Sandbox } from "../ports/sandbox.ts";
import type { SupervisionEvent } from "./extension-launch.ts";
import type { ExtensionSet } from "./extension-set.ts";
import { Initialization, type InitOutcome } from "./initialization.ts";
import type { InvocationLog } from "./invocation-log.ts";
import { MemoryFigure } from "./memory-figure.ts";
import { RunningInvocation } from "./running-invocation.ts";
import {
  type InvocationEvent,
  invalidRequestId,
  invalidStateTransition,
  type RuntimeApiRefusal,
  type RuntimeApiSession,
  type StreamingResponse,
} from "./runtime-api-session.ts";
import { extensionOverhead, runtimeDone } from "./runtime-done.ts";
import { ShutdownPhase } from "./shutdown-phase.ts";
import {
  answerOf,
  type InvocationAnswer,
  MAX_RESPONSE_BYTES,
  StreamedResponse,
} from "./streamed-response.ts";
import type { TelemetryStream } from "./telemetry-stream.ts";

/**
 * starting: the sandbox is being made. initializing: the runtime loads the function. idle: `next` is parked. busy:
 * an event is with the runtime. ended: nothing is left of it.
 */
export type EnvironmentState = "starting" | "initializing" | "idle" | "busy" | "ended";

/**
 * A runtime that dies breaks its connection as well, and the connection's end is seen first: for so long its exit may
 * tell what really happened.
 */
const BREAK_GRACE_MS = 250;
export interface EnvironmentDependencies {
  readonly id: string;
  readonly clock: Clock;
  readonly log: InvocationLog;
  /**
   * Makes the isolated process tree and connects its listeners to the session given. Undefined when an extension
   * cannot be launched, which the extensions have been told.
   */
  readonly createSandbox: (session: RuntimeApiSession) => Promise<Sandbox | undefined>;
  readonly memoryMb: number;
  /** What runs beside the runtime. */
  readonly extensions?: ExtensionSet;
  /** What those have subscribed to; the log tells it everything. */
  readonly telemetry?: TelemetryStream;
}

/**
 * One execution environment: at most one event at a time, reused while it is sound, ended by its first crash or
 * time-out. It is the state machine behind the Runtime API and knows neither HTTP nor how a sandbox is made.
 */
export class ExecutionEnvironment implements RuntimeApiSession {
  readonly id: string;
  readonly maxResponseBytes = MAX_RESPONSE_BYTES;
  readonly #dependencies: EnvironmentDependencies;
  #state: EnvironmentState = "starting";
  #sandbox: Sandbox | undefined;
  #deliver: ((event: InvocationEvent) => void) | undefined;
  #running: RunningInvocation | undefined;
  #initialization: Initialization | undefined;
  #pendingReport: (() => void) | undefined;
  #initDurationMs: number | undefined;
  readonly #memory: MemoryFigure;
  #idleSinceMs = 0;
  #isFrozen = false;
  #lastInvocationMs: number | undefined;
  #ended: Promise<void> | undefined;
  /** The runtime has asked for its next event, and extensions have not yet. */
  #parked: ((event: InvocationEvent) => void) | undefined;
  readonly #shutdown = new ShutdownPhase();
  /** Monotonic; of the invocation that extensions have not finished with yet, where somebody wants to hear of it. */
  #runtimeDoneMs: number | undefined;
  /** Called when an invocation is over and the environment can take the next event. */
  onIdle: (environment: ExecutionEnvironment) => void = () => undefined;
  /** Called once, when the environment can never take an event again. */
  onEnded: (environment: ExecutionEnvironment) => void = () => undefined;

  constructor(dependencies: EnvironmentDependencies) {
    this.id = dependencies.id;
    this.#dependencies = dependencies;
    this.#memory = new MemoryFigure(dependencies);
    const { extensions } = dependencies;
    if (extensions !== undefined) {
      extensions.onReady = () => this.#goOn();
      extensions.onFailed = (failure) => this.#extensionFailed(failure);
    }
  }

  get state(): EnvironmentState {
    return this.#state;
  }

  /** Monotonic milliseconds of the last time it became idle. */
  get idleSinceMs(): number {
    return this.#idleSinceMs;
  }

  /** How long its last invocation took; undefined before the first. */
  get lastInvocationMs(): number | undefined {
    return this.#lastInvocationMs;
  }

  /**
   * AWS: between invocations the processes of an environment stand still. Does nothing unless it is idle; returns
   * whether it is frozen now.
   */
  freeze(): boolean {
    if (this.#state === "idle" && !this.#isFrozen && this.#pendingReport === undefined) {
      this.#sandbox?.freeze();
      this.#isFrozen = true;
    }
    return this.#isFrozen;
  }

  /**
   * Starts the sandbox and waits for the runtime's first `next`. Rejects only when the platform could not make a
   * sandbox; everything the function does wrong is an outcome, and stands in the log. `limitMs`, from
   * when there is a sandbox: AWS gives initialisation ten seconds.
   */
  async start(
    limitMs: number,
    timeoutFailure: (requestId: string) => FunctionFailure,
    phase: InitPhase = "init",
  ): Promise<InitOutcome> {
    assert.equal(this.#state, "starting");
    const { clock, log } = this.#dependencies;
    const initialization = new Initialization(clock, log, phase);
    this.#initialization = initialization;
    const sandbox = await this.#dependencies.createSandbox(this);
    if (this.#isEnded()) {
      await sandbox?.destroy();
      throw new Error("the environment was ended while it started");
    }
    this.#state = "initializing";
    if (sandbox !== undefined) {
      this.#sandbox = sandbox;
      log.follow(sandbox, (event) => this.#supervised(event));
      void sandbox.exited.then((exit) => {
        this.#shutdown.sandboxIsGone();
        this.#exited((requestId) => exited(requestId, exit));
      });
    }
    const outcome = await initialization.outcome(limitMs, timeoutFailure);
    if (outcome.status === "success") this.#initDurationMs = outcome.durationMs;
    else this.#shutdown.reason = outcome.status === "timeout" ? "timeout" : "failure";
    return outcome;
  }

  /** Where extensions are processes beside the runtime, it can end without the sandbox. */
  #supervised(event: SupervisionEvent): void {
    if (event.kind === "runtime ended") {
      this.#shutdown.runtimeIsGone();
      this.#exited((requestId) => exited(requestId, event.exit));
    } else this.#dependencies.extensions?.processEnded(event.name, event.status);
  }

  /** From now on the CPU share in proportion to memory holds; before, initialisation may burst. */
  limitCpu(): void {
    this.#sandbox?.limitCpu();
  }

  /** The initialisation's duration, once: it belongs to the first invocation's report. */
  takeInitDurationMs(): number | undefined {
    const durationMs = this.#initDurationMs;
    this.#initDurationMs = undefined;
    return durationMs;
  }

  /**
   * Hands an event to the parked runtime. `startedMs` (monotonic) lies before now when initialisation was repeated
   * inside this invocation, which counts against its timeout.
   */
  invoke(request: InvocationRequest, resolve: (result: InvocationResult) => void, startedMs?: number): void {
    const deliver = this.#deliver;
    assert(this.#state === "idle" && deliver !== undefined, "an event goes to an idle environment only");
    if (this.#isFrozen) this.#sandbox?.thaw();
    this.#isFrozen = false;
    const { clock, log } = this.#dependencies;
    const nowMs = clock.monotonicMs();
    const began = startedMs ?? nowMs;
    const leftMs = request.version.timeoutSeconds * 1000 - (nowMs - began);
    this.#state = "busy";
    this.#deliver = undefined;
    const initDurationMs = startedMs === undefined ? this.takeInitDurationMs() : undefined;
    const running = new RunningInvocation(request, resolve, began, initDurationMs);
    running.cancelDeadline = clock.deadline(leftMs, () => this.#timedOut(running));
    this.#running = running;
    this.#pendingReport?.();
    if (startedMs === undefined)
      log.start(
        {
          requestId: request.requestId,
          version: request.version.version,
          traceHeader: request.traceHeader,
        },
        request.wantsLogTail,
      );
    const deadlineMs = Math.round(clock.nowMs() + leftMs);
    const { extensions } = this.#dependencies;
    if (extensions?.isEmpty === false) extensions.tellOf(request, deadlineMs);
    running.event = {
      requestId: request.requestId,
      payload: request.payload,
      deadlineMs,
      invokedFunctionArn: request.invokedFunctionArn,
      traceHeader: request.traceHeader,
      clientContext: request.clientContext,
    };
    deliver(running.event);
  }

  next(deliver: (event: InvocationEvent) => void): RuntimeApiRefusal | undefined {
    if (this.#state === "initializing") {
      this.#parked = deliver;
      this.#initialization?.runtimeReady();
      this.#goOn();
      return undefined;
    }
    if (this.#parked !== undefined) {
      this.#parked = deliver;
      return undefined;
    }
    if (this.#state === "idle") {
      // A runtime whose connection broke while it waited asks again; the first request is gone.
      this.#deliver = deliver;
      return undefined;
    }
    const running = this.#running;
    if (this.#state !== "busy" || running === undefined) return invalidStateTransition("Started", "Ready");
    if (running.answer === undefined) return running.deliverAgain(deliver);
    this.#parked = deliver;
    if (this.#dependencies.log.wantsRuntimeDone) this.#tellRuntimeDone(running);
    this.#goOn();
    return undefined;
  }

  #tellRuntimeDone(running: RunningInvocation): void {
    const { log, clock } = this.#dependencies;
    log.runtimeDone(runtimeDone(running, clock, "success"));
    this.#runtimeDoneMs = clock.monotonicMs();
  }

  /** AWS: a phase is over when the runtime and every extension have asked for the next event. */
  #goOn(): void {
    const deliver = this.#parked;
    const { extensions } = this.#dependencies;
    if (deliver === undefined) return;
    if (extensions !== undefined && !extensions.isEmpty && !extensions.isReady) return;
    this.#parked = undefined;
    if (this.#state === "initializing") {
      extensions?.closeRegistration();
      this.#dependencies.telemetry?.closeSubscription();
      this.#becomeIdle(deliver);
      this.#initialization?.finish({ status: "success" });
      return;
    }
    const running = this.#running;
    if (this.#state !== "busy" || running === undefined) return;
    this.#becomeIdle(deliver);
    this.#finish(running, "success", undefined);
    // With LogType=Tail the environment is free only when the report has been written.
    if (!running.request.wantsLogTail) this.onIdle(this);
  }

  #extensionFailed(failure: (requestId: string) => FunctionFailure): void {
    if (this.#state === "ended") return;
    this.#shutdown.reason = "failure";
    if (this.#state === "starting" || this.#state === "initializing")
      this.#initialization?.finish({ status: "error", failure });
    else this.#exited(failure);
  }

  expects(requestId: string, answer: "response" | "error"): RuntimeApiRefusal | undefined {
    const running = this.#running;
    if (running?.request.requestId !== requestId) return invalidRequestId;
    return running.expects(answer);
  }

  response(requestId: string, payload: Uint8Array): RuntimeApiRefusal | undefined {
    return this.#answer(requestId, { payload, failed: false });
  }

  responseTooLarge(requestId: string): void {
    this.#answer(requestId, answerOf(responseTooLarge(MAX_RESPONSE_BYTES)));
  }

  error(requestId: string, payload: Uint8Array, errorType?: string): RuntimeApiRefusal | undefined {
    return this.#answer(requestId, { payload, failed: true, errorType });
  }

  streamResponse(requestId: string, contentType: string): StreamingResponse | RuntimeApiRefusal {
    const refusal = this.expects(requestId, "response");
    if (refusal !== undefined) return refusal;
    const running = this.#running;
    assert(running !== undefined);
    running.isStreaming = true;
    if (this.#dependencies.log.wantsRuntimeDone)
      running.answerBeganMs = this.#dependencies.clock.monotonicMs();
    const isExpected = (): boolean => this.#running === running && running.answer === undefined;
    return new StreamedResponse(running.request.responseSink, contentType, {
      isExpected,
      answer: (answer) => this.#settle(running, answer),
      brokeOff: () =>
        void this.#dependencies.clock.after(BREAK_GRACE_MS, () => {
          if (isExpected()) this.#endWith(running, "error", responseTruncated(requestId));
        }),
    });
  }

  initError(errorType: string | undefined, payload: Uint8Array): RuntimeApiRefusal | undefined {
    if (this.#state !== "initializing") {
      return invalidStateTransition(this.#state === "busy" ? "Running" : "Ready", "InitError");
    }
    this.#initialization?.finish({
      status: "error",
      failure: (requestId) =>
        initFailure(requestId, reportedErrorType(errorType, "Runtime.Unknown"), payload),
    });
    return undefined;
  }

  /** What it runs in; undefined before that is made. */
  get sandbox(): Sandbox | undefined {
    return this.#sandbox;
  }

  /** Ends it and frees /tmp as well, unless the sandbox of a reset environment carries it on; idempotent. */
  async release(): Promise<void> {
    await this.end();
    await this.#sandbox?.destroy();
  }

  /**
   * Ends every process of this environment; idempotent. A running invocation fails as if the runtime had exited. /tmp
   * stays until `release`.
   */
  end(): Promise<void> {
    this.#exited((requestId) => exited(requestId, { code: null, signal: "SIGKILL", outOfMemory: false }));
    // Who hears of the end may have asked for it already.
    this.#ended ??= this.#endOnce();
    return this.#ended;
  }

  async #endOnce(): Promise<void> {
    await this.#shutdown.run(this.#sandbox, this.#dependencies);
    await this.#sandbox?.stop();
  }

  #isEnded(): boolean {
    return this.#state === "ended";
  }

  #becomeIdle(deliver: (event: InvocationEvent) => void): void {
    this.#deliver = deliver;
    this.#state = "idle";
    this.#idleSinceMs = this.#dependencies.clock.monotonicMs();
  }

  #answer(requestId: string, answer: InvocationAnswer): RuntimeApiRefusal | undefined {
    const refusal = this.expects(requestId, answer.failed ? "error" : "response");
    if (refusal !== undefined) return refusal;
    const running = this.#running;
    assert(running !== undefined);
    this.#settle(running, answer);
    return undefined;
  }

  #settle(running: RunningInvocation, answer: InvocationAnswer): void {
    running.answer = answer;
    if (this.#dependencies.log.wantsRuntimeDone) running.answeredMs = this.#dependencies.clock.monotonicMs();
    // The caller is answered now; the report waits until the runtime asks for the next event, as AWS does. With
    // LogType=Tail the caller wants the report, so it waits as well.
    if (!running.request.wantsLogTail) running.resolve(this.#dependencies.clock.monotonicMs(), undefined);
  }

  /** The runtime's process has ended, or is made to: whatever ran in it failed. */
  #exited(failure: (requestId: string) => FunctionFailure): void {
    if (this.#state === "ended") return;
    this.#state = "ended";
    this.#deliver = undefined;
    this.#initialization?.finish({ status: "error", failure });
    const running = this.#running;
    if (running !== undefined) this.#fail(running, "error", failure(running.request.requestId));
    this.onEnded(this);
    void this.end();
  }

  #timedOut(running: RunningInvocation): void {
    if (this.#running !== running) return;
    const { requestId, version } = running.request;
    this.#shutdown.reason = "timeout";
    this.#endWith(running, "timeout", timedOut(requestId, version.timeoutSeconds));
  }

  /** The invocation has failed in a way that leaves the environment unsound. */
  #endWith(running: RunningInvocation, status: InvocationStatus, failure: FunctionFailure): void {
    this.#state = "ended";
    this.#fail(running, status, failure);
    this.onEnded(this);
    void this.end();
  }

  #fail(running: RunningInvocation, status: InvocationStatus, failure: FunctionFailure): void {
    running.answer ??= answerOf(failure);
    const { log, clock } = this.#dependencies;
    if (log.wantsRuntimeDone && this.#runtimeDoneMs === undefined)
      log.runtimeDone(runtimeDone(running, clock, status, failure.errorType));
    this.#finish(running, status, status === "timeout" ? undefined : failure.errorType);
  }

  /**
   * END and REPORT, two turns of the event loop later: what the runtime wrote before its last request stands in the
   * pipes by then and is read first. The next event does not wait for that: it brings the report forward.
   */
  #finish(running: RunningInvocation, status: InvocationStatus, errorType: string | undefined): void {
    running.cancelDeadline();
    this.#running = undefined;
    const { request } = running;
    const elapsedMs = this.#dependencies.clock.monotonicMs() - running.startedMs;
    this.#lastInvocationMs = elapsedMs;
    const durationMs = status === "timeout" ? request.version.timeoutSeconds * 1000 : elapsedMs;
    running.durationMs = durationMs;
    const spans = this.#takeSpans();
    const readMemory = (): number =>
      this.#memory.maxUsedMb(this.#sandbox, status !== "success" || request.wantsLogTail);
    // Of processes that end nothing can be read later; otherwise the caller's answer does not wait for it.
    const lastMemoryMb = status === "success" ? undefined : readMemory();
    const report = (): void => {
      if (this.#pendingReport !== report) return;
      this.#pendingReport = undefined;
      const tail = this.#dependencies.log.end({
        requestId: request.requestId,
        durationMs,
        billedDurationMs: billedDurationMs(durationMs, running.initDurationMs),
        memorySizeMb: request.version.memoryMb,
        maxMemoryUsedMb: lastMemoryMb ?? readMemory(),
        initDurationMs: running.initDurationMs,
        status,
        errorType,
        traceHeader: request.traceHeader,
        spans,
      });
      if (!running.isResolved) running.resolve(this.#dependencies.clock.monotonicMs(), tail);
      if (request.wantsLogTail && this.#state === "idle") this.onIdle(this);
    };
    this.#pendingReport = report;
    setImmediate(() => setImmediate(report));
    if (!request.wantsLogTail && !running.isResolved)
      running.resolve(this.#dependencies.clock.monotonicMs(), undefined);
  }

  #takeSpans(): Span[] | undefined {
    const doneMs = this.#runtimeDoneMs;
    this.#runtimeDoneMs = undefined;
    const { extensions, clock } = this.#dependencies;
    if (doneMs === undefined || extensions?.hasRegistered !== true) return undefined;
    return [extensionOverhead(clock, doneMs)];
  }

  /**
   * An invocation whose repeated initialisation failed as well: the caller gets that failure. `startedMs` is when the
   * invocation began, monotonic.
   */
  failInvocation(
    request: InvocationRequest,
    resolve: (result: InvocationResult) => void,
    failed: {
      readonly startedMs: number;
      readonly status: InvocationStatus;
      readonly failure: FunctionFailure;
    },
  ): void {
    this.#running = new RunningInvocation(request, resolve, failed.startedMs);
    this.#fail(this.#running, failed.status, failed.failure);
  }
}
