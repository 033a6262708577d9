import type { InvocationStatus, RuntimeDone, Span } from "../core/platform-records.ts";
import type { Clock } from "../ports/clock.ts";
import type { RunningInvocation } from "./running-invocation.ts";

/**
 * What the runtime has done in an invocation, now that it asks for the next event or has failed. AWS: "Lambda Telemetry
 * API Event schema reference", platform.runtimeDone and spans.
 */
export function runtimeDone(
  running: RunningInvocation,
  clock: Clock,
  status: InvocationStatus,
  errorType?: string,
): RuntimeDone {
  const { request, answer, startedMs, answeredMs } = running;
  const nowMs = clock.monotonicMs();
  const spans: Span[] = [];
  if (answeredMs !== undefined) {
    const beganMs = running.answerBeganMs ?? answeredMs;
    const span = (name: Span["name"], fromMs: number, untilMs: number): void => {
      spans.push({ name, startMs: epochMs(clock, fromMs), durationMs: untilMs - fromMs });
    };
    span("responseLatency", startedMs, beganMs);
    span("responseDuration", beganMs, answeredMs);
    span("runtimeOverhead", answeredMs, nowMs);
  }
  return {
    requestId: request.requestId,
    status,
    errorType,
    durationMs: nowMs - startedMs,
    producedBytes: answeredMs === undefined ? undefined : (answer?.streamedBytes ?? answer?.payload.length),
    spans,
    traceHeader: request.traceHeader,
  };
}

/** AWS: from the runtime's end until the last extension has asked for the next event. */
export function extensionOverhead(clock: Clock, runtimeDoneMs: number): Span {
  const durationMs = clock.monotonicMs() - runtimeDoneMs;
  return { name: "extensionOverhead", startMs: epochMs(clock, runtimeDoneMs), durationMs };
}

const epochMs = (clock: Clock, monotonicMs: number): number =>
  clock.nowMs() - (clock.monotonicMs() - monotonicMs);
