import { randomUUID } from "node:crypto";
import { promisify } from "node:util";
import { gzip } from "node:zlib";
import type { Invoker } from "./core/invocation.ts";
import type { FunctionService } from "./functions/function-service.ts";
import type { LogDestination } from "./logs/subscription-filters.ts";

const compress = promisify(gzip);

/** Functions as destinations of log events: their policies decide, and the dispatcher invokes them. */
export function subscribedFunctions(functions: FunctionService, invoker: Invoker): LogDestination {
  return {
    allows: (functionArn, { account, region, sourceArn }) =>
      // AWS: permissions name either principal, the second one in older templates.
      ["logs.amazonaws.com", `logs.${region}.amazonaws.com`].some((servicePrincipal) =>
        functions.policies.allows({ servicePrincipal, functionArn, sourceArn, sourceAccount: account }),
      ),
    compress: (text) => compress(text),
    async deliver(functionArn, payload) {
      const [, , , region = "", account = ""] = functionArn.split(":");
      const target = functions.resolveForInvoke(functionArn, undefined, { account, region });
      await invoker.invoke({
        requestId: randomUUID(),
        version: target.version,
        invokedFunctionArn: target.invokedFunctionArn,
        payload,
        clientContext: undefined,
        traceHeader: undefined,
        wantsLogTail: false,
      });
    },
  };
}
