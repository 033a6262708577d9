import { invokedOwner, parseFunctionReference } from "../../../core/function-reference.ts";
import { freshTraceHeader } from "../../../core/trace-header.ts";
import type { RequestContext } from "../../protocol/handlers.ts";
import { checkedClientContext, checkedPayload, checkJson, randomHex } from "./invocation-payload.ts";
import type { LambdaDependencies } from "./lambda-handlers.ts";

/** What the operations that send events have in common. */
export interface EventInput {
  readonly FunctionName: string | undefined;
  readonly Qualifier?: string | undefined;
  readonly Payload?: Uint8Array | undefined;
  readonly ClientContext?: string | undefined;
  readonly limitBytes: number;
}

/** Takes an event: what Invoke refuses is refused now, everything else comes when the event's turn does. */
export async function acceptEvent(
  { functions, asyncInvoker, clock }: LambdaDependencies,
  input: EventInput,
  context: RequestContext,
): Promise<void> {
  const payload = checkedPayload(input.Payload, "Event", input.limitBytes);
  const reference = input.FunctionName ?? "";
  const owner = invokedOwner(context, reference);
  functions.resolveForInvoke(reference, input.Qualifier, owner);
  checkJson(payload);
  // AWS: the client context is for synchronous invocations; one that cannot be read is refused all the same.
  checkedClientContext(input.ClientContext);
  const { functionName, qualifier } = parseFunctionReference(owner, reference, input.Qualifier);
  const traceHeader =
    context.traceHeader ?? freshTraceHeader({ nowMs: clock.nowMs(), randomHex: randomHex() });
  await asyncInvoker.accept({
    account: owner.account,
    region: owner.region,
    requestId: context.requestId,
    functionName,
    qualifier,
    payload,
    traceHeader,
  });
  context.responseHeaders["x-amzn-trace-id"] = traceHeader;
  context.responseHeaders["x-amzn-remapped-content-length"] = "0";
}
