import { fullConfiguration } from "./function-configuration.ts";
import type { LambdaDependencies, LambdaHandlers } from "./lambda-handlers.ts";

/** GetFunction and GetFunctionConfiguration. */
export function getFunctionHandlers(dependencies: LambdaDependencies): LambdaHandlers {
  const { functions, runtimes, codeDownloads } = dependencies;
  return {
    GetFunction: ({ FunctionName = "", Qualifier }, context) => {
      const { description, head } = functions.directory.describe(context, FunctionName, Qualifier);
      const reserved = functions.concurrency.reserved(context, head.functionName);
      return {
        Configuration: fullConfiguration(description, runtimes),
        Code: {
          RepositoryType: "S3",
          Location: codeDownloads.location(description.deployment.code.codeHash),
        },
        ...(Object.keys(head.tags).length > 0 && { Tags: { ...head.tags } }),
        ...(reserved !== undefined && { Concurrency: { ReservedConcurrentExecutions: reserved } }),
      };
    },
    GetFunctionConfiguration: ({ FunctionName = "", Qualifier }, context) =>
      fullConfiguration(functions.directory.describe(context, FunctionName, Qualifier).description, runtimes),
  };
}
