import { FUNCTION_LIMITS } from "../../../core/function-limits.ts";
import type { LambdaDependencies, LambdaHandlers } from "./lambda-handlers.ts";

/** GetAccountSettings. */
export function accountSettingsHandlers({ functions }: LambdaDependencies): LambdaHandlers {
  return {
    GetAccountSettings: (_input, context) => {
      const { functionCount, codeStorageBytes } = functions.directory.usage(context);
      const { limit, unreserved } = functions.concurrency.account(context);
      return {
        AccountLimit: {
          TotalCodeSize: FUNCTION_LIMITS.codeStorageBytesMax,
          CodeSizeUnzipped: FUNCTION_LIMITS.unzippedBytesMax,
          CodeSizeZipped: FUNCTION_LIMITS.zippedBytesMax,
          ConcurrentExecutions: limit,
          UnreservedConcurrentExecutions: unreserved,
        },
        AccountUsage: { TotalCodeSize: codeStorageBytes, FunctionCount: functionCount },
      };
    },
  };
}
