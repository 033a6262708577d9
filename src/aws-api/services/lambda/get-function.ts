import { parseUnqualifiedReference } from "../../../core/function-reference.ts";
import { fullConfiguration } from "./function-configuration.ts";
import type { LambdaDependencies, LambdaHandlers } from "./lambda-handlers.ts";

/** GetFunction, and the small reads that clients make beside it. */
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
    // AWS: 200 with the name alone for a function without one; Terraform reads it for each function.
    GetFunctionCodeSigningConfig: ({ FunctionName = "" }, context) => {
      const name = parseUnqualifiedReference(context, FunctionName);
      const { description } = functions.directory.describe(context, name);
      return { CodeSigningConfigArn: undefined, FunctionName: description.functionName };
    },
  };
}
