import { AwsError, notSupported } from "../../../core/errors.ts";
import { FUNCTION_LIMITS } from "../../../core/function-limits.ts";
import { invokedOwner } from "../../../core/function-reference.ts";
import type { InvocationRequest } from "../../../core/invocation.ts";
import { isLoop } from "../../../core/lineage.ts";
import { parseTraceHeader } from "../../../core/trace-header.ts";
import type { InvocationTarget } from "../../../functions/function-record.ts";
import type { RequestContext } from "../../protocol/handlers.ts";
import { acceptEvent } from "./accept-event.ts";
import { checkedClientContext, checkedPayload, checkJson, randomHex } from "./invocation-payload.ts";
import type { InvokeDependencies, LambdaDependencies, LambdaHandlers } from "./lambda-handlers.ts";

/** Invoke: the hottest path of the program. */
export function invokeHandlers(dependencies: LambdaDependencies): LambdaHandlers {
  return {
    Invoke: (input, context) =>
      input.InvocationType === "Event"
        ? invokeLater(dependencies, input, context)
        : invokeNow(dependencies, input, context),
  };
}

type Invoke = NonNullable<LambdaHandlers["Invoke"]>;
type InvokeOutput = Awaited<ReturnType<Invoke>>;

async function invokeLater(
  dependencies: LambdaDependencies,
  input: Parameters<Invoke>[0],
  context: RequestContext,
): Promise<InvokeOutput> {
  refuseUnsupported(input);
  await acceptEvent(dependencies, { ...input, limitBytes: FUNCTION_LIMITS.asyncPayloadBytesMax }, context);
  return { StatusCode: 202 };
}

/** Invoke for a caller who waits for the answer, or only asks whether there would be one. */
export async function invokeNow(
  dependencies: InvokeDependencies,
  input: Parameters<Invoke>[0],
  context: RequestContext,
): Promise<InvokeOutput> {
  const invocation = readInvocation(dependencies, input, context);
  if (invocation === "dry run") return { StatusCode: 204 };
  const { request, executedVersion } = invocation;
  const result = await dependencies.invoker.invoke(request);
  context.responseHeaders["x-amzn-trace-id"] = request.traceHeader ?? "";
  context.responseHeaders["x-amzn-remapped-content-length"] = "0";
  return {
    StatusCode: 200,
    FunctionError: result.functionError,
    LogResult: logResult(result.logTail),
    Payload: result.payload,
    ExecutedVersion: executedVersion,
  };
}

/** What the operations that invoke have in common. */
interface InvocationInput {
  readonly FunctionName: string | undefined;
  readonly Qualifier?: string | undefined;
  readonly Payload?: Uint8Array | undefined;
  readonly ClientContext?: string | undefined;
  readonly LogType?: string | undefined;
  readonly InvocationType?: string | undefined;
  readonly TenantId?: string | undefined;
  readonly DurableExecutionName?: string | undefined;
}

/** Checks what a caller wants and makes it ready to run. Throws `AwsError` for all that Invoke refuses. */
export function readInvocation(
  dependencies: InvokeDependencies,
  input: InvocationInput,
  context: RequestContext,
): { readonly request: InvocationRequest; readonly executedVersion: string } | "dry run" {
  const { functions, clock, traceHeaders } = dependencies;
  refuseUnsupported(input);
  const payload = checkedPayload(input.Payload, "RequestResponse", FUNCTION_LIMITS.requestPayloadBytesMax);
  const reference = input.FunctionName ?? "";
  const target = functions.resolveForInvoke(reference, input.Qualifier, invokedOwner(context, reference));
  if (input.InvocationType === "DryRun") return "dry run";
  checkJson(payload);
  if (context.traceHeader !== undefined) refuseLoop(dependencies, target, context.traceHeader);
  const request: InvocationRequest = {
    requestId: context.requestId,
    version: target.version,
    invokedFunctionArn: target.invokedFunctionArn,
    payload,
    clientContext: checkedClientContext(input.ClientContext),
    traceHeader: traceHeaders.headerFor(target.version, context.traceHeader, {
      nowMs: clock.nowMs(),
      randomHex: randomHex(),
    }),
    wantsLogTail: input.LogType === "Tail",
  };
  return { request, executedVersion: target.executedVersion };
}

/** The log tail as answers carry it. */
export const logResult = (logTail: string | undefined): string | undefined =>
  logTail === undefined ? undefined : Buffer.from(logTail).toString("base64");

/** AWS: whoever invokes a function for the seventeenth time in a chain is told that it is a loop. */
function refuseLoop(
  { functions, eventMetrics }: InvokeDependencies,
  { version, invokedFunctionArn }: InvocationTarget,
  traceHeader: string,
): void {
  if (!isLoop(parseTraceHeader(traceHeader)?.lineage, version)) return;
  if (functions.recursion.get(version, version.functionName) === "Allow") return;
  eventMetrics.add(invokedFunctionArn, "RecursiveInvocationsDropped", 1);
  throw new AwsError(
    "RecursiveInvocationException",
    "The function was invoked in a recursive loop, which has been stopped.",
    400,
  );
}

function refuseUnsupported(input: InvocationInput): void {
  if (input.TenantId !== undefined) throw notSupported("TenantId");
  if (input.DurableExecutionName !== undefined) throw notSupported("DurableExecutionName");
}
