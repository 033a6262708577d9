import type { LambdaDependencies, LambdaHandlers } from "./lambda-handlers.ts";

/** DeleteFunction. */
export function deleteFunctionHandlers({ functions }: LambdaDependencies): LambdaHandlers {
  return {
    DeleteFunction: async ({ FunctionName = "", Qualifier }, context) => {
      await functions.lifecycle.delete(context, FunctionName, Qualifier);
      // AWS: 204 for ordinary functions, whatever the model says (recorded from the service).
      return { StatusCode: 204 };
    },
  };
}
