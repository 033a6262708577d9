import type { LambdaDependencies, LambdaHandlers } from "./lambda-handlers.ts";

/** GetFunctionRecursionConfig and PutFunctionRecursionConfig. */
export function recursionConfigHandlers({ functions }: LambdaDependencies): LambdaHandlers {
  const { recursion } = functions;
  return {
    GetFunctionRecursionConfig: ({ FunctionName = "" }, context) => ({
      RecursiveLoop: recursion.get(context, FunctionName),
    }),
    PutFunctionRecursionConfig: async ({ FunctionName = "", RecursiveLoop = "Terminate" }, context) => {
      await recursion.put(context, FunctionName, RecursiveLoop);
      return { RecursiveLoop };
    },
  };
}
