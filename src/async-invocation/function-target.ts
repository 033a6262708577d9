import { AwsError } from "../core/errors.ts";
import { FUNCTION_LIMITS } from "../core/function-limits.ts";
import type { FunctionVersion } from "../core/function-version.ts";
import type { AsyncInvoker } from "../core/invocation.ts";
import type { PolicyDocument } from "../core/policy-document.ts";
import type { FunctionService } from "../functions/function-service.ts";
import {
  DeliveryRefused,
  type EventSender,
  type EventTargets,
  type ExpectEvent,
} from "../ports/event-targets.ts";

export interface FunctionTargetDependencies {
  readonly functions: Pick<FunctionService, "resolveForInvoke" | "policies">;
  readonly invoker: AsyncInvoker;
  /** Whether the function's policy, or the sender's role, lets the sender invoke it. */
  readonly permits: (
    sender: EventSender,
    permission: {
      readonly action: string;
      readonly resource: string;
      readonly policy: PolicyDocument | undefined;
    },
  ) => boolean;
  readonly newRequestId: () => string;
}

const FUNCTION_ARN = /^arn:aws[a-z-]*:lambda:([a-z0-9-]+):(\d{12}):function:([\w-]+)(?::([\w$-]+))?$/;

/** Functions as targets of events: an asynchronous invocation that the function's resource policy allows. */
export function functionTarget(dependencies: FunctionTargetDependencies): EventTargets["toFunction"] {
  const { functions, invoker, permits, newRequestId } = dependencies;
  return async (arn, { payload, traceHeader }, sender) => {
    const [, region, account, functionName, qualifier] = FUNCTION_ARN.exec(arn) ?? [];
    if (region === undefined || account === undefined || functionName === undefined)
      throw new DeliveryRefused("ResourceNotFoundException", `Function not found: ${arn}`);
    checkTarget(() => functions.resolveForInvoke(functionName, qualifier, { account, region }));
    const policy = functions.policies.documentOf(arn);
    if (!permits(sender, { action: "lambda:InvokeFunction", resource: arn, policy }))
      throw new DeliveryRefused(
        "AccessDeniedException",
        `${sender.servicePrincipal} is not authorized to perform: lambda:InvokeFunction on resource: ${arn}`,
      );
    if (payload.byteLength > FUNCTION_LIMITS.asyncPayloadBytesMax)
      throw new DeliveryRefused(
        "RequestEntityTooLargeException",
        `${payload.byteLength} byte payload is too large for the Event invocation type (limit ${FUNCTION_LIMITS.asyncPayloadBytesMax} bytes)`,
      );
    const requestId = newRequestId();
    await invoker.accept({ account, region, functionName, qualifier, requestId, payload, traceHeader });
  };
}

/** Functions that are due to be sent an event: `prepare` gets the version that would run now. */
export function expectFunction(
  functions: Pick<FunctionService, "resolveForInvoke">,
  prepare: (version: FunctionVersion) => void,
): ExpectEvent {
  return (arn) => {
    const [, region, account, functionName, qualifier] = FUNCTION_ARN.exec(arn) ?? [];
    if (region === undefined || account === undefined || functionName === undefined) return;
    try {
      prepare(functions.resolveForInvoke(functionName, qualifier, { account, region }).version);
    } catch (error) {
      // It is not there, or not ready: the event itself will tell.
      if (!(error instanceof AwsError)) throw error;
    }
  };
}

/** A function that is being created or updated takes events: they wait. One that is not there never will. */
function checkTarget(resolve: () => unknown): void {
  try {
    resolve();
  } catch (error) {
    if (!(error instanceof AwsError)) throw error;
    if (error.status === 404) throw new DeliveryRefused(error.code, error.message);
  }
}
