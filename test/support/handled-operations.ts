import type { ServiceDefinition } from "../../src/aws-api/protocol/handlers.ts";

/** Stands for dependencies that only handlers use, when they are called: enough to learn which handlers there are. */
export const unusedDependencies: never = new Proxy(() => unusedDependencies, {
  get: () => unusedDependencies,
}) as never;

export const handledOperations = ({ handlers }: ServiceDefinition): string[] => Object.keys(handlers);
