import { invalidParameterValue } from "../core/errors.ts";
import { isFunctionAction } from "../core/lambda-actions.ts";

/** What AddPermission is asked for. */
export interface PermissionRequest {
  readonly reference: string;
  readonly qualifier: string | undefined;
  readonly statementId: string;
  readonly action: string;
  readonly principal: string;
  readonly sourceArn: string | undefined;
  readonly sourceAccount: string | undefined;
  readonly eventSourceToken: string | undefined;
  readonly principalOrgId: string | undefined;
  readonly functionUrlAuthType: string | undefined;
  readonly invokedViaFunctionUrl: boolean | undefined;
  readonly revisionId: string | undefined;
}

/** A statement in the form in which policies show it. */
export interface StoredStatement {
  readonly Sid?: string;
  readonly Effect: "Allow" | "Deny";
  readonly Principal: "*" | Readonly<Record<string, string | readonly string[]>>;
  readonly Action: string | readonly string[];
  readonly Resource: string | readonly string[];
  readonly Condition?: Readonly<Record<string, Readonly<Record<string, string | readonly string[]>>>>;
}

/** Alexa is a service outside of amazonaws.com. */
const SERVICE =
  /^(?:[a-z0-9-]+(?:\.[a-z0-9-]+)*\.amazonaws\.com(?:\.cn)?|alexa-(?:appkit|connectedhome)\.amazon\.com)$/;
const NAME_TEXT = "[\\w+=,.@-]*";
const NAME = new RegExp(`^${NAME_TEXT}$`);
const ARN = /^arn:aws[a-z-]*:(?:iam|sts)::\d{12}:(?:root|user\/.+|role\/.+|assumed-role\/.+)$/;

/** The statement that AddPermission makes, as recorded from the service. Throws for what AWS does not take. */
export function permissionStatement(request: PermissionRequest, resourceArn: string): StoredStatement {
  checkAction(request);
  const condition = conditionOf(request);
  return {
    Sid: request.statementId,
    Effect: "Allow",
    Principal: principalOf(request.principal),
    Action: request.action,
    Resource: resourceArn,
    ...(Object.keys(condition).length > 0 && { Condition: condition }),
  };
}

/** AWS: the conditions on function URLs are only for the action that each is about. */
function checkAction({ action, functionUrlAuthType, invokedViaFunctionUrl }: PermissionRequest): void {
  if (functionUrlAuthType !== undefined && action !== "lambda:InvokeFunctionUrl")
    throw invalidParameterValue("FunctionUrlAuthType is only supported for lambda:InvokeFunctionUrl action");
  if (invokedViaFunctionUrl !== undefined && action !== "lambda:InvokeFunction")
    throw invalidParameterValue("InvokedViaFunctionUrl is only supported for lambda:InvokeFunction action");
  if (!isFunctionAction(action))
    throw invalidParameterValue(`The provided action ${action} is not an action on Lambda functions.`);
}

/** AWS: an account is written as its root user, and everybody stays a plain asterisk. */
function principalOf(principal: string): StoredStatement["Principal"] {
  if (principal === "*") return "*";
  if (/^\d{12}$/.test(principal)) return { AWS: `arn:aws:iam::${principal}:root` };
  if (ARN.test(principal)) return { AWS: principal };
  if (SERVICE.test(principal)) return { Service: principal };
  // AWS: recorded from the service, with its missing spaces.
  if (!NAME.test(principal))
    throw invalidParameterValue(
      `The provided input'${principal}'was invalid. Member must satisfy expression: ${NAME_TEXT} Please check your input and try again.`,
    );
  throw invalidParameterValue(
    "The provided principal was invalid. Please check the principal and try again.",
  );
}

function conditionOf(request: PermissionRequest): Record<string, Record<string, string>> {
  const equals = {
    ...(request.sourceAccount !== undefined && { "AWS:SourceAccount": request.sourceAccount }),
    ...(request.eventSourceToken !== undefined && { "lambda:EventSourceToken": request.eventSourceToken }),
    ...(request.principalOrgId !== undefined && { "aws:PrincipalOrgID": request.principalOrgId }),
    ...(request.functionUrlAuthType !== undefined && {
      "lambda:FunctionUrlAuthType": request.functionUrlAuthType,
    }),
  };
  return {
    ...(Object.keys(equals).length > 0 && { StringEquals: equals }),
    ...(request.invokedViaFunctionUrl !== undefined && {
      Bool: { "lambda:InvokedViaFunctionUrl": String(request.invokedViaFunctionUrl) },
    }),
    ...(request.sourceArn !== undefined && { ArnLike: { "AWS:SourceArn": request.sourceArn } }),
  };
}
