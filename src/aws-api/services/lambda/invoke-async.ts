import { FUNCTION_LIMITS } from "../../../core/function-limits.ts";
import { acceptEvent } from "./accept-event.ts";
import type { LambdaDependencies, LambdaHandlers } from "./lambda-handlers.ts";

/** InvokeAsync, which AWS has deprecated: Invoke with InvocationType Event for a whole function. */
export function invokeAsyncHandlers(dependencies: LambdaDependencies): LambdaHandlers {
  return {
    InvokeAsync: async ({ FunctionName, InvokeArgs }, context) => {
      const Payload =
        InvokeArgs === undefined || InvokeArgs instanceof Uint8Array
          ? InvokeArgs
          : Buffer.concat(await Array.fromAsync<Uint8Array>(InvokeArgs));
      const limitBytes = FUNCTION_LIMITS.invokeAsyncPayloadBytesMax;
      await acceptEvent(dependencies, { FunctionName, Payload, limitBytes }, context);
      return { Status: 202 };
    },
  };
}
