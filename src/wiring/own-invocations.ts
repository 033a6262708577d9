import { createSecretKey, type KeyObject } from "node:crypto";
import { systemClock as clock } from "../adapters/clock-system/clock-system.ts";
import { createAwsApi } from "../aws-api/server.ts";
import { lambdaInvocations } from "../aws-api/services/lambda/lambda-service.ts";
import type { InvocationRequest, InvocationResult } from "../core/invocation.ts";
import { TraceHeaders } from "../core/trace-header.ts";
import type { Lease } from "../data-plane/calls.ts";
import type { InvocationDoorDependencies, LeasedInvocation } from "../data-plane/invocation-door.ts";
import type { Outbox } from "../data-plane/outbox.ts";
import type { UnitPurse } from "../data-plane/unit-purse.ts";
import { verifyLeased } from "../iam/leased-signature.ts";
import { type InvocationDispatcher, throttled } from "../invocation/invocation-dispatcher.ts";
import type { ArrivedInvocation } from "../plain-invocations/plain-connection.ts";
import type { Logger } from "../ports/logger.ts";
import { logFailure } from "./ground.ts";
import { wholeRequest } from "./plain-invocations.ts";

/**
 * Answers leased invocations with the same AWS API as the main process has, in which one operation is left. Who calls,
 * and what is meant, says the lease: it is known while the request is taken, which nothing interrupts.
 */
export function invocationAnswers(parts: {
  readonly logger: Logger;
  readonly dispatcher: InvocationDispatcher;
  readonly outbox: Outbox;
  readonly purseOf: (lease: Lease) => UnitPurse;
}): InvocationDoorDependencies<ArrivedInvocation>["invoke"] {
  const { logger, dispatcher, outbox, purseOf } = parts;
  const keys = new WeakMap<Lease, KeyObject>();
  let current: LeasedInvocation | undefined;
  let isUsed = false;
  const taken = (): LeasedInvocation => {
    if (current === undefined) throw new Error("A leased invocation was not taken at once.");
    return current;
  };
  const invoke = (request: InvocationRequest): Promise<InvocationResult> => {
    const { lease, refusal } = taken();
    if (refusal !== undefined) {
      outbox.functionMetrics.tally(lease.version, lease.invokedFunctionArn, NO_LOAD).refused();
      const { functionName } = lease.version;
      outbox.metrics.invocation({ functionName, durationMs: 0, outcome: "throttled" });
      return Promise.reject(throttled(refusal));
    }
    isUsed = true;
    const purse = purseOf(lease);
    return dispatcher.invoke(request).finally(() => purse.leave());
  };
  const awsApi = createAwsApi({
    clock,
    services: [
      lambdaInvocations({
        functions: {
          resolveForInvoke: () => taken().lease,
          // Whatever could be a loop is handed on.
          recursion: { get: () => "Terminate" },
        },
        invoker: { invoke, invokeStreaming: invoke },
        eventMetrics: { add: () => undefined },
        clock,
        traceHeaders: new TraceHeaders(),
      }),
    ],
    authenticate: ({ signed, signingName }) => {
      const { lease } = taken();
      const { account, region, principal, signingKey } = lease;
      if (signingKey === undefined) return { account, region, principal };
      let key = keys.get(lease);
      if (key === undefined) {
        key = createSecretKey(signingKey, "base64");
        keys.set(lease, key);
      }
      const checkBody = verifyLeased(signed, { key, signingName, nowMs: () => clock.nowMs() });
      return { account, region, principal, checkBody };
    },
    authorize: () => undefined,
    onRequest: (sample) => outbox.metrics.apiRequest(sample),
    log: (error, context) => logFailure(logger, "a request failed inside Lambent", { error, context }),
  });
  return (invocation, request) => {
    current = invocation;
    isUsed = false;
    if ("message" in request) awsApi.handleRead(request.message, request.response, request.body);
    else awsApi.handleWhole(wholeRequest(request));
    current = undefined;
    return isUsed;
  };
}

const NO_LOAD = {
  inFlight: 0,
  provisioned: 0,
  functionInFlight: 0,
  accountInFlight: 0,
  unreservedInFlight: 0,
};
