import { randomUUID } from "node:crypto";
import { systemClock as clock } from "../adapters/clock-system/clock-system.ts";
import { AwsError } from "../core/errors.ts";
import { BatchInvoker } from "../event-source-mappings/batch-invoker.ts";
import { EventSourceMappings } from "../event-source-mappings/event-source-mappings.ts";
import type { MappedFunctions } from "../event-source-mappings/mapped-functions.ts";
import { MappingEngine } from "../event-source-mappings/mapping-engine.ts";
import { sqsSource } from "../event-source-mappings/sources/sqs/sqs-source.ts";
import type { FunctionService } from "../functions/function-service.ts";
import { mayDeliver } from "../iam/event-permission.ts";
import type { EventParts } from "./event-parts.ts";
import type { Ground } from "./ground.ts";

/** Event source mappings; they read nothing before `start`. */
export async function openEventSourceMappings(
  { configuration, store, opened, logger, queueMessages, resourcePolicies }: Ground,
  parts: EventParts,
): Promise<EventSourceMappings> {
  const { functions, iam } = parts.platform;
  const mapped = mappedFunctions(functions);
  const queuePolicy = (arn: string) => resourcePolicies.get("sqs")?.(arn)?.document;
  const sources = {
    sqs: sqsSource({
      queues: queueMessages,
      clock,
      // Where access is open, roles need not exist.
      roleMay: (roleArn, action, queueArn) =>
        configuration.authentication === "open" ||
        mayDeliver(
          iam.directory,
          { servicePrincipal: "lambda.amazonaws.com", sourceArn: "", sourceAccount: "", roleArn },
          { action, resource: queueArn, policy: queuePolicy(queueArn) },
        ),
    }),
  };
  const { events: metrics } = parts.platform.cloudWatch;
  const invoker = new BatchInvoker({ clock, functions: mapped, invoker: parts.dispatcher, metrics });
  const mappings = await EventSourceMappings.open({
    keyValue: store.keyValue,
    clock,
    logger,
    functions: mapped,
    sources,
    engine: new MappingEngine({ clock, invoker, sources }),
    newId: randomUUID,
  });
  opened.add(() => mappings.close());
  opened.whenServing(() => mappings.start());
  return mappings;
}

/** Functions as mappings look for them. */
export function mappedFunctions(functions: FunctionService): MappedFunctions {
  return {
    resolve: (functionArn, owner) => functions.resolveForInvoke(functionArn, undefined, owner),
    mayLoop: (version) => functions.recursion.get(version, version.functionName) === "Allow",
    describe(owner, reference) {
      try {
        const { description } = functions.directory.describe(owner, reference);
        const { functionArn, functionName, deployment } = description;
        const { timeoutSeconds, roleArn } = deployment.settings;
        return { functionArn, functionName, timeoutSeconds, roleArn };
      } catch (error) {
        if (error instanceof AwsError && error.status === 404) return undefined;
        throw error;
      }
    },
  };
}
