import { functionArn } from "../core/arn.ts";
import { AwsError } from "../core/errors.ts";
import type { InvocationResult, Invoker } from "../core/invocation.ts";
import { isLoop } from "../core/lineage.ts";
import { parseTraceHeader, type TraceHeaders } from "../core/trace-header.ts";
import type { EventInvokeSetting } from "../functions/event-invoke-settings.ts";
import type { InvocationTarget } from "../functions/function-record.ts";
import type { FunctionService } from "../functions/function-service.ts";
import type { Clock } from "../ports/clock.ts";
import type { EventMetrics } from "../ports/function-metrics.ts";
import type { DeadLetter, OutcomeDelivery } from "./outcome-delivery.ts";
import { errorMessageOf, type OutcomeCondition, type OutcomeResponse } from "./outcome-record.ts";
import type { QueuedEvent } from "./queued-event.ts";
import {
  backOffMs,
  functionErrorDelayMs,
  MAXIMUM_EVENT_AGE_SECONDS_DEFAULT,
  MAXIMUM_RETRY_ATTEMPTS_DEFAULT,
} from "./retry-schedule.ts";

/** What is asked of functions: which there are, and how their events are to be handled. */
export type EventFunctions = Pick<
  FunctionService,
  "resolveForInvoke" | "functionId" | "eventInvoke" | "concurrency" | "recursion"
>;

export interface EventExecutionDependencies {
  readonly functions: EventFunctions;
  readonly invoker: Invoker;
  readonly delivery: OutcomeDelivery;
  readonly metrics: EventMetrics;
  readonly clock: Clock;
  readonly traceHeaders: TraceHeaders;
  /** 64 hexadecimal digits. */
  readonly randomHex: () => string;
}

/** What is to be done with an event after an attempt. */
export type Verdict =
  /**
   * It was executed, or came to its end otherwise. `durationMs`: how long the function ran. `delivered` resolves when its
   * outcome is where it belongs, and never rejects: the event is not to be forgotten before.
   */
  | {
      readonly type: "finished";
      readonly durationMs: number | undefined;
      readonly delivered?: Promise<unknown> | undefined;
    }
  /** It stays in the queue. `isRefused`: it could not be run now, nor could others. */
  | {
      readonly type: "retry";
      readonly delayMs: number;
      readonly event: QueuedEvent;
      readonly isRefused: boolean;
      readonly durationMs: number | undefined;
    };

const FINISHED: Verdict = { type: "finished", durationMs: undefined };

/** An attempt at an event, with all that was found out for it. */
interface Attempt {
  readonly event: QueuedEvent;
  readonly target: InvocationTarget;
  readonly setting: EventInvokeSetting | undefined;
  readonly traceHeader: string | undefined;
  readonly ageMs: number;
}

/** Why an event ended without success. */
interface Failure extends DeadLetter {
  readonly condition: Exclude<OutcomeCondition, "Success">;
  readonly invokeCount: number;
  readonly response: OutcomeResponse | undefined;
}

/** Makes attempts at events, as AWS's queue does: what each comes to and what follows. */
export class EventExecution {
  readonly #dependencies: EventExecutionDependencies;

  constructor(dependencies: EventExecutionDependencies) {
    this.#dependencies = dependencies;
  }

  /** One attempt. Never rejects; an event whose function is gone is dropped. */
  async attempt(event: QueuedEvent, enqueuedAtMs: number): Promise<Verdict> {
    const { clock, functions } = this.#dependencies;
    const ageMs = Math.max(0, clock.nowMs() - enqueuedAtMs);
    const { account, region, functionName, qualifier } = event;
    if (functions.functionId({ account, region, functionName }) !== event.functionId)
      return this.#drop(event);
    const setting = functions.eventInvoke.effective(event, functionName, qualifier);
    let target: InvocationTarget;
    try {
      target = functions.resolveForInvoke(functionName, qualifier, { account, region });
    } catch (error) {
      if (error instanceof AwsError && error.status === 404) return this.#drop(event);
      const maxAgeMs = maxAgeMsOf(setting);
      return ageMs > maxAgeMs ? this.#drop(event) : backOff(event);
    }
    const attempt: Attempt = { event, target, setting, ageMs, traceHeader: this.#traceHeader(event, target) };
    const failure = this.#refusal(attempt);
    return failure === undefined ? this.#invoke(attempt) : this.#fail(attempt, failure);
  }

  /** Why an event is not even tried. */
  #refusal({ event, target, setting, ageMs }: Attempt): Failure | undefined {
    const { functions, metrics } = this.#dependencies;
    const notRun = { invokeCount: event.attempts, response: event.lastResponse };
    if (ageMs > maxAgeMsOf(setting))
      return { ...notRun, ...lastErrorOf(event), condition: "EventAgeExceeded" };
    if (functions.concurrency.reserved(event, event.functionName) === 0) {
      return {
        ...notRun,
        condition: "ZeroReservedConcurrency",
        errorCode: 429,
        // AWS: written so (recorded from the service).
        errorMessage: "Function not invoked. Function isconfigured with zero reserved concurrent executions",
      };
    }
    const lineage = event.traceHeader && parseTraceHeader(event.traceHeader)?.lineage;
    if (!lineage || !isLoop(lineage, target.version)) return undefined;
    if (functions.recursion.get(event, event.functionName) === "Allow") return undefined;
    metrics.add(target.invokedFunctionArn, "RecursiveInvocationsDropped", 1);
    return {
      ...notRun,
      // AWS: that such an event goes to the dead-letter queue or the destination is documented, its record is not.
      condition: "RetriesExhausted",
      errorCode: 400,
      errorMessage: "Recursive invocation detected.",
    };
  }

  async #invoke(attempt: Attempt): Promise<Verdict> {
    const { event, target, ageMs, traceHeader } = attempt;
    const { metrics, invoker } = this.#dependencies;
    let result: InvocationResult;
    try {
      result = await invoker.invoke({
        requestId: event.requestId,
        version: target.version,
        invokedFunctionArn: target.invokedFunctionArn,
        payload: event.payload,
        // AWS: the client context is for synchronous invocations only.
        clientContext: undefined,
        traceHeader,
        wantsLogTail: false,
      });
    } catch (error) {
      return this.#afterRefusal(attempt, error);
    }
    metrics.add(target.invokedFunctionArn, "AsyncEventAge", ageMs);
    if (result.functionError !== undefined) return this.#afterFunctionError(attempt, result);
    return {
      type: "finished",
      durationMs: result.durationMs,
      delivered: this.#succeed(attempt, result),
    };
  }

  /** Throttled, or the platform failed: that takes none of the function's own retries. */
  #afterRefusal(attempt: Attempt, error: unknown): Verdict {
    const { event, ageMs, setting } = attempt;
    const status = error instanceof AwsError ? error.status : 500;
    const verdict = backOff(event);
    if (ageMs + verdict.delayMs <= maxAgeMsOf(setting)) return verdict;
    return this.#fail(attempt, {
      condition: "EventAgeExceeded",
      invokeCount: event.attempts,
      response: event.lastResponse,
      errorCode: status,
      errorMessage: error instanceof AwsError ? error.message : "ServiceException",
    });
  }

  #afterFunctionError(attempt: Attempt, result: InvocationResult): Verdict {
    const { event, ageMs, setting, target } = attempt;
    const attempts = event.attempts + 1;
    const lastResponse = {
      executedVersion: target.executedVersion,
      functionError: result.functionError ?? "Unhandled",
      payload: result.payload,
    };
    const delayMs = functionErrorDelayMs(attempts);
    const isExhausted = attempts > (setting?.maximumRetryAttempts ?? MAXIMUM_RETRY_ATTEMPTS_DEFAULT);
    if (!isExhausted && ageMs + delayMs <= maxAgeMsOf(setting)) {
      const again = { ...event, attempts, backOffs: 0, lastResponse };
      return { type: "retry", delayMs, event: again, isRefused: false, durationMs: result.durationMs };
    }
    const ended = this.#fail(attempt, {
      condition: isExhausted ? "RetriesExhausted" : "EventAgeExceeded",
      invokeCount: attempts,
      response: lastResponse,
      errorCode: 200,
      errorMessage: errorMessageOf(result.payload),
    });
    return { ...ended, durationMs: result.durationMs };
  }

  #succeed(attempt: Attempt, { payload }: InvocationResult): Promise<void> | undefined {
    const { event, target, setting } = attempt;
    if (!setting?.onSuccess) return undefined;
    return this.#dependencies.delivery.toDestination(
      setting.onSuccess,
      endedEvent(attempt, {
        condition: "Success",
        invokeCount: event.attempts + 1,
        response: { executedVersion: target.executedVersion, functionError: undefined, payload },
      }),
    );
  }

  #fail(attempt: Attempt, failure: Failure): Verdict {
    const { target, setting } = attempt;
    const { delivery, metrics } = this.#dependencies;
    metrics.add(target.invokedFunctionArn, "AsyncEventsDropped", 1);
    const ended = endedEvent(attempt, failure);
    const { deadLetterTargetArn } = target.version;
    // AWS: where both are configured, both get it.
    const delivered = Promise.all([
      deadLetterTargetArn && delivery.toDeadLetters(deadLetterTargetArn, ended, failure),
      setting?.onFailure && delivery.toDestination(setting.onFailure, ended),
    ]);
    return { type: "finished", durationMs: undefined, delivered };
  }

  #drop({ qualifier, ...name }: QueuedEvent): Verdict {
    this.#dependencies.metrics.add(functionArn(name, qualifier), "AsyncEventsDropped", 1);
    return FINISHED;
  }

  #traceHeader(event: QueuedEvent, { version }: InvocationTarget): string {
    const { traceHeaders, clock, randomHex } = this.#dependencies;
    return traceHeaders.headerFor(version, event.traceHeader, {
      nowMs: clock.nowMs(),
      randomHex: randomHex(),
    });
  }
}

const maxAgeMsOf = (setting: EventInvokeSetting | undefined): number =>
  (setting?.maximumEventAgeSeconds ?? MAXIMUM_EVENT_AGE_SECONDS_DEFAULT) * 1000;

function backOff(event: QueuedEvent): Verdict & { readonly type: "retry" } {
  const backOffs = event.backOffs + 1;
  return {
    type: "retry",
    delayMs: backOffMs(backOffs),
    event: { ...event, backOffs },
    isRefused: true,
    durationMs: undefined,
  };
}

/** What a dead-letter queue is told of an event that was not tried again. */
function lastErrorOf({ lastResponse }: QueuedEvent): DeadLetter {
  return lastResponse === undefined
    ? { errorCode: 429, errorMessage: "Rate Exceeded." }
    : { errorCode: 200, errorMessage: errorMessageOf(lastResponse.payload) };
}

function endedEvent(
  { event, target, traceHeader }: Attempt,
  how: {
    readonly condition: OutcomeCondition;
    readonly invokeCount: number;
    readonly response: OutcomeResponse | undefined;
  },
) {
  return {
    version: target.version,
    invokedFunctionArn: target.invokedFunctionArn,
    traceHeader,
    outcome: {
      requestId: event.requestId,
      functionArn: functionArn(event, event.qualifier ?? "$LATEST"),
      condition: how.condition,
      approximateInvokeCount: how.invokeCount,
      requestPayload: event.payload,
      response: how.response,
    },
  };
}
