import { setImmediate } from "node:timers/promises";
import { AwsError } from "../../src/core/errors.ts";
import type { FunctionVersion } from "../../src/core/function-version.ts";
import type { InvocationRequest, InvocationResult } from "../../src/core/invocation.ts";
import { BatchInvoker } from "../../src/event-source-mappings/batch-invoker.ts";
import type { MappingDocument, MappingSettings } from "../../src/event-source-mappings/mapping-document.ts";
import { ManualClock } from "./manual-clock.ts";

export const QUEUE_ARN = "arn:aws:sqs:eu-west-1:000000000000:orders";
export const FUNCTION_ARN = "arn:aws:lambda:eu-west-1:000000000000:function:f";

export const mappingWith = (
  settings: Partial<MappingSettings> = {},
  eventSourceArn = QUEUE_ARN,
): MappingDocument => ({
  schema: 1,
  account: "000000000000",
  region: "eu-west-1",
  uuid: "8d2a5f4e-0000-4000-8000-000000000000",
  kind: "sqs",
  eventSourceArn,
  enabled: true,
  settings: {
    functionArn: FUNCTION_ARN,
    batchSize: 10,
    maximumBatchingWindowSeconds: 0,
    filterPatterns: [],
    reportsBatchItemFailures: false,
    ...settings,
  },
  generation: 1,
  tags: {},
  lastModifiedMs: 0,
});

export const VERSION = {
  account: "000000000000",
  region: "eu-west-1",
  functionName: "f",
  tracingMode: "PassThrough",
} as FunctionVersion;

/** An invocation that has begun; a test says how it ends. */
export interface BegunInvocation {
  readonly request: InvocationRequest;
  readonly event: unknown;
  answer(value?: unknown): void;
  fail(): void;
  throttle(): void;
}

/** A function whose invocations a test answers, on a manual clock. */
export class ScriptedFunction {
  readonly clock = new ManualClock();
  readonly invocations: BegunInvocation[] = [];
  readonly #open = new Set<BegunInvocation>();
  /** The most invocations that ran at a time. */
  runningMax = 0;
  exists = true;
  mayLoop = false;
  readonly counted: string[] = [];
  /** The sum of what was counted under each name. */
  readonly sums = new Map<string, number>();
  /** Answers every invocation at once, where it is set. */
  immediate: ((begun: BegunInvocation) => void) | undefined;
  readonly invoker = new BatchInvoker({
    clock: this.clock,
    functions: {
      resolve: () => {
        if (!this.exists) throw new AwsError("ResourceNotFoundException", "Function not found: f", 404);
        return { version: VERSION, invokedFunctionArn: FUNCTION_ARN };
      },
      describe: () => undefined,
      mayLoop: () => this.mayLoop,
    },
    metrics: {
      add: (_arn, name, value) => {
        this.counted.push(name);
        this.sums.set(name, (this.sums.get(name) ?? 0) + value);
      },
    },
    invoker: {
      invoke: (request) => this.#invoke(request),
      invokeStreaming: (request) => this.#invoke(request),
    },
  });

  get running(): number {
    return this.#open.size;
  }

  /** Answers all that have begun and will begin. */
  finish(): void {
    this.immediate = (begun) => begun.answer();
    for (const begun of this.#open) begun.answer();
  }

  #invoke(request: InvocationRequest): Promise<InvocationResult> {
    return new Promise((resolve, reject) => {
      const end = (result: Partial<InvocationResult>): void => {
        this.#open.delete(begun);
        resolve({ payload: Buffer.from("null"), functionError: undefined, logTail: undefined, ...result });
      };
      const begun: BegunInvocation = {
        request,
        event: JSON.parse(Buffer.from(request.payload).toString()),
        answer: (value = null) => end({ payload: Buffer.from(JSON.stringify(value)) }),
        fail: () => end({ functionError: "Unhandled" }),
        throttle: () => {
          this.#open.delete(begun);
          reject(new AwsError("TooManyRequestsException", "Rate Exceeded.", 429));
        },
      };
      this.#open.add(begun);
      this.runningMax = Math.max(this.runningMax, this.running);
      this.invocations.push(begun);
      this.immediate?.(begun);
    });
  }

  /** The next invocation that nobody has answered yet, in the order of their beginning. */
  next(): BegunInvocation {
    const begun = this.invocations.shift();
    if (begun === undefined) throw new Error("nothing was invoked");
    return begun;
  }
}

/** Lets everything run that waits for no time to pass. */
export async function quiet(): Promise<void> {
  for (let turn = 0; turn < 20; turn++) await setImmediate();
}
