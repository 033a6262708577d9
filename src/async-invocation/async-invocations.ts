import { functionArn } from "../core/arn.ts";
import { functionNotFound, type Owner } from "../core/function-reference.ts";
import type { AsyncInvocationRequest, AsyncInvoker } from "../core/invocation.ts";
import type { Clock } from "../ports/clock.ts";
import type { EventMetrics } from "../ports/function-metrics.ts";
import type { DurableQueue } from "../ports/store.ts";
import type { EventExecution, EventFunctions } from "./event-execution.ts";
import { FunctionEvents, type FunctionEventsDependencies } from "./function-events.ts";
import { JobsInHand } from "./jobs-in-hand.ts";
import { encodeEvent } from "./queued-event.ts";

const PREFIX = "async-events/";

export interface AsyncInvocationsDependencies {
  readonly queue: DurableQueue;
  readonly clock: Clock;
  readonly functions: Pick<EventFunctions, "functionId" | "concurrency">;
  readonly execution: Pick<EventExecution, "attempt">;
  readonly metrics: EventMetrics;
  /** Events of one function that run at once at most, unless the function has reserved concurrency. */
  readonly maxConcurrency: number;
  /** Told of what went wrong inside; the events concerned stay in their queue. */
  readonly failed: (error: unknown, context: object) => void;
}

/**
 * Asynchronous invocation: a durable queue for each function, so that what waits for one delays no other. A queue is
 * worked on while it has events; functions without any cost nothing.
 */
export class AsyncInvocations implements AsyncInvoker {
  readonly #dependencies: AsyncInvocationsDependencies;
  readonly #parts: FunctionEventsDependencies;
  readonly #active = new Map<string, FunctionEvents>();
  /** Whose queue it is, of those in `#active`: asked for with every event. */
  readonly #names = new Map<string, Owner & { readonly functionName: string }>();
  readonly #inHand: JobsInHand;
  #state: "accepting" | "running" | "stopped" = "accepting";

  constructor(dependencies: AsyncInvocationsDependencies) {
    this.#dependencies = dependencies;
    const { queue, clock, execution, failed } = dependencies;
    this.#inHand = new JobsInHand(clock);
    this.#parts = {
      queue,
      clock,
      inHand: this.#inHand,
      attempt: (event, enqueuedAtMs) => execution.attempt(event, enqueuedAtMs),
      maxConcurrency: (queueName) => this.#maxConcurrency(queueName),
      emptied: (events) => this.#emptied(events),
      failed,
    };
  }

  async accept(request: AsyncInvocationRequest): Promise<void> {
    const { queue, functions, metrics } = this.#dependencies;
    const { account, region, functionName, qualifier } = request;
    const functionId = functions.functionId({ account, region, functionName });
    if (functionId === undefined) throw functionNotFound({ account, region }, functionName, qualifier);
    const queueName = queueNameOf(request);
    const body = encodeEvent({
      account,
      region,
      requestId: request.requestId,
      functionName,
      functionId,
      qualifier,
      traceHeader: request.traceHeader,
      attempts: 0,
      backOffs: 0,
      payload: request.payload,
      lastResponse: undefined,
    });
    await queue.enqueue(queueName, [{ body }]);
    metrics.add(functionArn(request, qualifier), "AsyncEventsReceived", 1);
    this.#wake(queueName);
  }

  /** Begins to execute events, with those that an earlier process has left. */
  async start(): Promise<void> {
    this.#state = "running";
    for (const queueName of await this.#dependencies.queue.queues(PREFIX)) this.#wake(queueName);
  }

  /** Begins no more executions; events are still accepted, for the next process. */
  stop(): void {
    this.#state = "stopped";
    for (const events of this.#active.values()) events.stop();
  }

  /** Resolves when everything that ran has ended and is settled; after `stop`. */
  async settled(): Promise<void> {
    await Promise.all([...this.#active.values()].map((events) => events.settled()));
    this.#inHand.close();
  }

  #wake(queueName: string): void {
    if (this.#state !== "running") return;
    let events = this.#active.get(queueName);
    if (events === undefined) {
      events = new FunctionEvents(queueName, this.#parts);
      this.#active.set(queueName, events);
    }
    events.wake();
  }

  #maxConcurrency(queueName: string): number {
    const { functions, maxConcurrency } = this.#dependencies;
    let name = this.#names.get(queueName);
    if (name === undefined) {
      const [, account = "", region = "", functionName = ""] = queueName.split("/");
      name = { account, region, functionName };
      this.#names.set(queueName, name);
    }
    // Its events are dropped when they are looked at.
    if (functions.functionId(name) === undefined) return maxConcurrency;
    return functions.concurrency.reserved(name, name.functionName) ?? maxConcurrency;
  }

  #emptied({ queueName }: FunctionEvents): void {
    this.#active.delete(queueName);
    this.#names.delete(queueName);
  }
}

const queueNameOf = ({ account, region, functionName }: Owner & { readonly functionName: string }): string =>
  `${PREFIX}${account}/${region}/${functionName}`;
