import type { FunctionVersion } from "../../src/core/function-version.ts";
import type { InvocationResult } from "../../src/core/invocation.ts";
import { type DispatcherLimits, InvocationDispatcher } from "../../src/invocation/invocation-dispatcher.ts";
import { ManualClock } from "./manual-clock.ts";
import { functionVersion, scriptedFactory } from "./scripted-environments.ts";

/** A dispatcher on a manual clock whose sandboxes the test plays. */
export function scriptedPlatform(
  limits: Partial<DispatcherLimits> = {},
  failToCreate?: () => Error | undefined,
) {
  const clock = new ManualClock();
  const scripted = scriptedFactory(clock, failToCreate);
  const failures: unknown[] = [];
  const dispatcher = new InvocationDispatcher({
    clock,
    factory: scripted.factory,
    metrics: { invocation() {}, coldStart() {}, environments() {}, apiRequest() {} },
    platformFailure: (error) => failures.push(error),
    limits: {
      accountConcurrency: 1000,
      maxEnvironments: 100,
      maxStarting: 10,
      idleTimeoutMs: 60_000,
      idleTimeoutMaxMs: 60_000,
      maxLifeMs: 3_600_000,
      maxWaitMs: 1_000,
      ...limits,
    },
  });
  let requests = 0;
  const invoke = (
    version: FunctionVersion = functionVersion(),
    wantsLogTail = false,
  ): Promise<InvocationResult> =>
    dispatcher.invoke({
      requestId: `request-${++requests}`,
      version,
      invokedFunctionArn: "arn:aws:lambda:us-east-1:000000000000:function:hello",
      payload: Buffer.from("{}"),
      clientContext: undefined,
      traceHeader: undefined,
      wantsLogTail,
    });
  return { clock, dispatcher, invoke, failures, ...scripted };
}

export const text = (result: InvocationResult): string => Buffer.from(result.payload).toString();
