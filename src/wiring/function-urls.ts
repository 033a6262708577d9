import { systemClock as clock } from "../adapters/clock-system/clock-system.ts";
import { TraceHeaders } from "../core/trace-header.ts";
import { FunctionUrlServer } from "../function-urls/function-url-server.ts";
import type { InvocationDispatcher } from "../invocation/invocation-dispatcher.ts";
import { type Ground, logFailure } from "./ground.ts";
import type { Platform } from "./platform.ts";

/** The door for requests whose host is a function's URL. */
export function wireFunctionUrls(
  { configuration, logger }: Ground,
  { platform, dispatcher }: { readonly platform: Platform; readonly dispatcher: InvocationDispatcher },
): FunctionUrlServer {
  const { functions, callers, cloudWatch } = platform;
  return new FunctionUrlServer({
    functions,
    invoker: dispatcher,
    callers,
    requiresSignatures: configuration.authentication === "enforced",
    traceHeaders: new TraceHeaders(),
    metrics: cloudWatch.urls,
    clock,
    log: (error, context) =>
      logFailure(logger, "a request to a function URL failed inside Lambent", { error, context }),
  });
}
