import { randomUUID } from "node:crypto";
import { availableParallelism } from "node:os";
import { systemClock as clock } from "../adapters/clock-system/clock-system.ts";
import { AsyncInvocations } from "../async-invocation/async-invocations.ts";
import { EventExecution } from "../async-invocation/event-execution.ts";
import { functionTarget } from "../async-invocation/function-target.ts";
import { OutcomeDelivery } from "../async-invocation/outcome-delivery.ts";
import { functionArn } from "../core/arn.ts";
import type { FunctionVersion } from "../core/function-version.ts";
import { parseRoleArn } from "../core/iam-arn.ts";
import { TraceHeaders } from "../core/trace-header.ts";
import { mayDeliver } from "../iam/event-permission.ts";
import type { EventSender } from "../ports/event-targets.ts";
import type { EventParts } from "./event-parts.ts";
import { type Ground, logFailure, newId } from "./ground.ts";

/** Events of one function that run at once, for each processor, where the function reserves nothing. */
const CONCURRENCY_PER_PROCESSOR = 32;

/** Asynchronous invocation, and functions as targets of events. Executes none before it is started. */
export function openAsyncInvocation(ground: Ground, { platform, dispatcher }: EventParts): AsyncInvocations {
  const { configuration, store, logger, targets } = ground;
  const { functions, cloudWatch, iam } = platform;
  const metrics = cloudWatch.events;
  const delivery = new OutcomeDelivery({
    targets,
    metrics,
    clock,
    newUuid: randomUUID,
    senderFor: (version, invokedFunctionArn) => functionSender(version, invokedFunctionArn, isMadeUp),
    failed: (error, context) =>
      logger.warn("the outcome of an event reached nobody", { ...context, error: String(error) }),
  });
  const isMadeUp = (roleArn: string): boolean => {
    const named = parseRoleArn(roleArn);
    const role = named && iam.directory.role(named.account, named.roleName);
    return configuration.authentication === "open" && role === undefined;
  };
  const invocations = new AsyncInvocations({
    queue: store.queue,
    clock,
    functions,
    execution: new EventExecution({
      functions,
      invoker: dispatcher,
      delivery,
      metrics,
      clock,
      traceHeaders: new TraceHeaders(),
      randomHex: () => `${newId()}${newId()}`,
    }),
    metrics,
    maxConcurrency: Math.min(
      CONCURRENCY_PER_PROCESSOR * availableParallelism(),
      configuration.accountConcurrency,
      configuration.maxEnvironments,
    ),
    failed: (error, context) => logFailure(logger, "an event could not be handled", { error, context }),
  });
  targets.toFunction = functionTarget({
    functions,
    invoker: invocations,
    permits: (sender, permission) => mayDeliver(iam.directory, sender, permission),
    newRequestId: randomUUID,
  });
  return invocations;
}

/** A function hands its outcomes on with its own role. */
function functionSender(
  version: FunctionVersion,
  invokedFunctionArn: string,
  isMadeUp: (roleArn: string) => boolean,
): EventSender {
  const { account, region, functionName, roleArn } = version;
  return {
    servicePrincipal: "lambda.amazonaws.com",
    sourceArn: invokedFunctionArn || functionArn({ account, region, functionName }),
    sourceAccount: account,
    roleArn,
    hasMadeUpRole: isMadeUp(roleArn),
  };
}
