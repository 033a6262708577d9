import { randomUUID } from "node:crypto";
import { AwsError } from "../core/errors.ts";
import type { InvocationResult, Invoker } from "../core/invocation.ts";
import { isLoop } from "../core/lineage.ts";
import { parseTraceHeader, TraceHeaders } from "../core/trace-header.ts";
import type { Clock } from "../ports/clock.ts";
import type { EventMetrics, MappingMetricName } from "../ports/function-metrics.ts";
import { failedItems } from "./batch-response.ts";
import type { BatchOutcome, SourceRecord } from "./event-source.ts";
import type { MappedFunctions } from "./mapped-functions.ts";
import { type MappingDocument, mappingArn } from "./mapping-document.ts";

export interface BatchInvokerDependencies {
  readonly clock: Clock;
  readonly functions: MappedFunctions;
  readonly invoker: Invoker;
  readonly metrics: EventMetrics;
}

/** One attempt to have a batch processed; a throttled one may be made again. */
export type Attempt = {
  readonly outcome: Exclude<BatchOutcome, { readonly type: "stopped" }>;
  /** LastProcessingResult */
  readonly result: string;
};

/** AWS's words for a batch that was processed, and for one whose function failed. */
const OK = "OK";
const FUNCTION_FAILED = "PROBLEM: Function call failed";

/** AWS: a batch that would make a function part of a loop is not handed over; a queue's dead-letter queue gets it in the end. */
const recursion = (): AwsError =>
  new AwsError("RecursiveInvocationException", "Recursive invocation detected.", 400);

/** Invokes functions with batches, synchronously, and judges their answers. */
export class BatchInvoker {
  readonly #dependencies: BatchInvokerDependencies;
  readonly #traceHeaders = new TraceHeaders();

  constructor(dependencies: BatchInvokerDependencies) {
    this.#dependencies = dependencies;
  }

  /** Why the mapping's function cannot be invoked at all; undefined when it can. */
  obstacle(mapping: MappingDocument): string | undefined {
    try {
      this.#dependencies.functions.resolve(mapping.settings.functionArn, mapping);
      return undefined;
    } catch (error) {
      return problem(error);
    }
  }

  /** Counts records, where the mapping was told to. */
  count(mapping: MappingDocument, metric: MappingMetricName, records: number): void {
    if (mapping.settings.countsEvents === true)
      this.#dependencies.metrics.add(mappingArn(mapping), metric, records);
  }

  /** Never rejects. AWS: a record counts as often as it is tried. */
  async attempt(
    mapping: MappingDocument,
    records: readonly SourceRecord[],
    payload: Uint8Array,
  ): Promise<Attempt> {
    const attempt = await this.#attempt(mapping, records, payload);
    const { outcome } = attempt;
    const failed = outcome.type === "processed" ? outcome.failed.size : records.length;
    this.count(mapping, "InvokedEventCount", records.length);
    if (failed > 0) this.count(mapping, "FailedInvokeEventCount", failed);
    return attempt;
  }

  async #attempt(
    mapping: MappingDocument,
    records: readonly SourceRecord[],
    payload: Uint8Array,
  ): Promise<Attempt> {
    const { settings } = mapping;
    try {
      const answer = await this.#invoke(mapping, records, payload);
      if (answer.functionError !== undefined) return { outcome: { type: "failed" }, result: FUNCTION_FAILED };
      if (!settings.reportsBatchItemFailures) return { outcome: ALL_PROCESSED, result: OK };
      const failed = failedItems(
        answer.payload,
        new Set(records.map(({ itemIdentifier }) => itemIdentifier)),
      );
      if (failed === "all") return { outcome: { type: "failed" }, result: FUNCTION_FAILED };
      return { outcome: { type: "processed", failed }, result: failed.size === 0 ? OK : FUNCTION_FAILED };
    } catch (error) {
      // AWS: neither a throttle nor a failure of the platform is one of the function.
      if (isTemporary(error)) return { outcome: { type: "throttled" }, result: problem(error) };
      return { outcome: { type: "failed" }, result: problem(error) };
    }
  }

  async #invoke(
    mapping: MappingDocument,
    records: readonly SourceRecord[],
    payload: Uint8Array,
  ): Promise<InvocationResult> {
    const { clock, functions, invoker, metrics } = this.#dependencies;
    const { version, invokedFunctionArn } = functions.resolve(mapping.settings.functionArn, mapping);
    const headers = records.flatMap(({ traceHeader }) => traceHeader ?? []);
    const looping = headers.find((header) => isLoop(parseTraceHeader(header)?.lineage, version));
    if (looping !== undefined && !functions.mayLoop(version)) {
      metrics.add(invokedFunctionArn, "RecursiveInvocationsDropped", 1);
      throw recursion();
    }
    const incoming = looping ?? headers[0];
    return invoker.invoke({
      requestId: randomUUID(),
      version,
      invokedFunctionArn,
      payload,
      clientContext: undefined,
      traceHeader: this.#traceHeaders.headerFor(version, incoming, {
        nowMs: clock.nowMs(),
        randomHex: `${randomUUID()}${randomUUID()}`.replaceAll("-", ""),
      }),
      wantsLogTail: false,
    });
  }
}

const ALL_PROCESSED: BatchOutcome & { readonly type: "processed" } = {
  type: "processed",
  failed: new Set(),
};

/** Throttled, not there yet or not any more, or our own fault; anything else is the request's, and stays wrong. */
const isTemporary = (error: unknown): boolean =>
  !(error instanceof AwsError) || [404, 409, 429].includes(error.status) || error.status >= 500;

/** A LastProcessingResult. */
export const problem = (error: unknown): string =>
  `PROBLEM: ${error instanceof Error ? error.message : String(error)}`;
