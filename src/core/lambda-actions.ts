/** Actions on functions, versions and aliases, as "Actions, resources, and condition keys for AWS Lambda" lists them. */
const FUNCTION_ACTIONS = `
AddPermission CheckpointDurableExecution CreateAlias CreateFunction CreateFunctionUrlConfig DeleteAlias DeleteFunction
DeleteFunctionCodeSigningConfig DeleteFunctionConcurrency DeleteFunctionEventInvokeConfig DeleteFunctionUrlConfig
DeleteProvisionedConcurrencyConfig DeleteResourcePolicy DisableReplication EnableReplication GetAlias
GetDurableExecution GetDurableExecutionHistory GetDurableExecutionState GetFunction GetFunctionCodeSigningConfig
GetFunctionConcurrency GetFunctionConfiguration GetFunctionEventInvokeConfig GetFunctionRecursionConfig
GetFunctionScalingConfig GetFunctionUrlConfig GetPolicy GetProvisionedConcurrencyConfig GetResourcePolicy
GetRuntimeManagementConfig InvokeAsync InvokeFunction InvokeFunctionUrl ListAliases ListDurableExecutionsByFunction
ListFunctionEventInvokeConfigs ListFunctionUrlConfigs ListProvisionedConcurrencyConfigs ListTags ListVersionsByFunction
PublishVersion PutFunctionCodeSigningConfig PutFunctionConcurrency PutFunctionEventInvokeConfig
PutFunctionRecursionConfig PutFunctionScalingConfig PutProvisionedConcurrencyConfig PutResourcePolicy
PutRuntimeManagementConfig RemovePermission SendDurableExecutionCallbackFailure SendDurableExecutionCallbackHeartbeat
SendDurableExecutionCallbackSuccess StopDurableExecution TagResource UntagResource UpdateAlias UpdateFunctionCode
UpdateFunctionConfiguration UpdateFunctionEventInvokeConfig UpdateFunctionUrlConfig
`;

const names: ReadonlySet<string> = new Set(
  FUNCTION_ACTIONS.trim()
    .split(/\s+/)
    .map((name) => `lambda:${name.toLowerCase()}`),
);

/** Whether a function's policy can be about an action; "*" and "lambda:*" are about all. Case does not matter. */
export const isFunctionAction = (action: string): boolean =>
  action === "*" || action === "lambda:*" || names.has(action.toLowerCase());
