import { invalidParameterValue } from "../core/errors.ts";

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

const SERVICE = /^[a-z0-9-]+(?:\.[a-z0-9-]+)*\.amazonaws\.com(?:\.cn)?$/;
const ARN = /^arn:aws[a-z-]*:(?:iam|sts)::\d{12}:(?:root|user\/.+|role\/.+|assumed-role\/.+)$/;

/** The statement that AddPermission makes, as recorded from the service. Throws for principals that are none. */
export function permissionStatement(request: PermissionRequest, resourceArn: string): StoredStatement {
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

/** AWS: an account is written as its root user, and everybody stays a plain asterisk. */
function principalOf(principal: string): StoredStatement["Principal"] {
  if (principal === "*") return "*";
  if (/^\d{12}$/.test(principal)) return { AWS: `arn:aws:iam::${principal}:root` };
  if (ARN.test(principal)) return { AWS: principal };
  if (SERVICE.test(principal)) return { Service: principal };
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
