/** What one permission of a request through a function URL is about. */
export interface FunctionUrlPermission {
  readonly action: string;
  readonly resources: readonly string[];
  readonly context: Readonly<Record<string, string>>;
}

/**
 * What a request through a function URL needs. AWS: since October 2025 lambda:InvokeFunction as well, see "Control
 * access to Lambda function URLs".
 */
export function functionUrlPermissions(
  functionArn: string,
  authType: "AWS_IAM" | "NONE",
): readonly FunctionUrlPermission[] {
  const resources = [functionArn];
  return [
    { action: "lambda:InvokeFunctionUrl", resources, context: { "lambda:FunctionUrlAuthType": authType } },
    { action: "lambda:InvokeFunction", resources, context: { "lambda:InvokedViaFunctionUrl": "true" } },
  ];
}
