import { functionArn } from "./arn.ts";
import { referenceParts } from "./function-reference.ts";
import { parseRoleArn } from "./iam-arn.ts";
import { eventBridgePermissions, schedulerPermissions } from "./request-actions-events.ts";
import { functionUrlPermissions } from "./request-actions-function-urls.ts";
import { s3Permissions } from "./request-actions-s3.ts";
import { snsPermission } from "./request-actions-sns.ts";
import { sqsPermissions } from "./request-actions-sqs.ts";
import type { RequiredPermission, ServiceCall } from "./required-permission.ts";

export type { RequiredPermission, ServiceCall } from "./required-permission.ts";

/**
 * The permissions a call needs, as "Actions, resources, and condition keys for AWS services" lists them. Empty for
 * calls that everybody may make. A resource has one name here, in whichever form the call names it: a policy that denies it
 * would be passed by under another one.
 */
export function requiredPermissions(call: ServiceCall): readonly RequiredPermission[] {
  return permissionsOf(call).map((permission) => ({
    ...permission,
    resources: permission.resources.map(inOwnPartition),
  }));
}

/** Whatever partition an ARN names, there is one. */
const inOwnPartition = (resource: string): string => resource.replace(/^arn:[^:]*:/, "arn:aws:");

function permissionsOf(call: ServiceCall): readonly RequiredPermission[] {
  switch (call.service) {
    case "lambda":
      return lambdaPermissions(call);
    case "logs":
      return logsPermissions(call);
    case "sns":
      return [snsPermission(call)];
    case "sqs":
      return sqsPermissions(call);
    case "monitoring":
      return [cloudWatchPermission(call)];
    case "iam":
      return iamPermissions(call);
    case "s3":
      return s3Permissions(call);
    case "sts":
      return stsPermissions(call);
    case "events":
      return eventBridgePermissions(call);
    case "scheduler":
      return schedulerPermissions(call);
    default:
      return [{ action: `${call.service}:${call.operation}`, resources: ["*"] }];
  }
}

const textMember = (call: ServiceCall, name: string): string | undefined => {
  const value = call.input[name];
  return typeof value === "string" && value !== "" ? value : undefined;
};

/** Operations whose action has another name than the operation. */
const LAMBDA_ACTIONS: Readonly<Record<string, string>> = {
  Invoke: "InvokeFunction",
  InvokeWithResponseStream: "InvokeFunction",
  InvokeAsync: "InvokeFunction",
  GetLayerVersionByArn: "GetLayerVersion",
};

function lambdaPermissions(call: ServiceCall): readonly RequiredPermission[] {
  if (call.operation === "InvokeFunctionUrl") return functionUrlPermissions(lambdaResource(call), "AWS_IAM");
  const action = `lambda:${LAMBDA_ACTIONS[call.operation] ?? call.operation}`;
  const context = lambdaContext(call);
  const permissions: RequiredPermission[] = [
    { action, resources: [lambdaResource(call)], ...(Object.keys(context).length > 0 && { context }) },
  ];
  const role = textMember(call, "Role");
  if (role !== undefined) {
    // AWS: whoever gives a function a role must be allowed to hand that role to Lambda.
    permissions.push({
      action: "iam:PassRole",
      resources: [role],
      context: { "iam:PassedToService": "lambda.amazonaws.com" },
    });
  }
  permissions.push(...packageInBucket(call));
  // AWS: whoever gives a function layers must be allowed to read them.
  const { Layers: layers } = call.input;
  if (Array.isArray(layers))
    for (const layer of layers)
      permissions.push({ action: "lambda:GetLayerVersion", resources: [String(layer)] });
  return permissions;
}

/** Lambda's own condition keys, see "Condition keys for AWS Lambda". */
function lambdaContext(call: ServiceCall): Record<string, string | readonly string[]> {
  const { Layers: layers } = call.input;
  const isPermission = call.operation === "AddPermission";
  const principal = isPermission ? textMember(call, "Principal") : undefined;
  const authType = textMember(call, isPermission ? "FunctionUrlAuthType" : "AuthType");
  const signing = textMember(call, "CodeSigningConfigArn");
  return {
    ...(principal !== undefined && { "lambda:Principal": principal }),
    ...(authType !== undefined && { "lambda:FunctionUrlAuthType": authType }),
    ...(signing !== undefined && { "lambda:CodeSigningConfigArn": signing }),
    ...(Array.isArray(layers) && { "lambda:Layer": layers.map((layer) => inOwnPartition(String(layer))) }),
  };
}

/** AWS: whoever names a package in a bucket must be allowed to read it. */
function packageInBucket({ input }: ServiceCall): RequiredPermission[] {
  const { S3Bucket: bucket, S3Key: key } = (input.Code ?? input.Content ?? input) as {
    S3Bucket?: unknown;
    S3Key?: unknown;
  };
  if (typeof bucket !== "string" || typeof key !== "string") return [];
  return [{ action: "s3:GetObject", resources: [`arn:aws:s3:::${bucket}/${key}`] }];
}

function lambdaResource(call: ServiceCall): string {
  const { account, region } = call;
  const base = `arn:aws:lambda:${region}:${account}`;
  const resource = textMember(call, "Resource") ?? textMember(call, "ResourceArn");
  if (resource !== undefined) return resource;
  const uuid = textMember(call, "UUID");
  if (uuid !== undefined) return `${base}:event-source-mapping:${uuid}`;
  const layerVersion = call.operation === "GetLayerVersionByArn" ? textMember(call, "Arn") : undefined;
  if (layerVersion !== undefined) return layerVersion;
  const layer = textMember(call, "LayerName");
  if (layer !== undefined) return layerArn(call, base, layer);
  const reference = textMember(call, "FunctionName");
  // AWS: mappings are authorized on themselves or on anything, the function is a condition key.
  if (reference === undefined || call.operation.includes("EventSourceMapping")) return "*";
  return referencedFunctionArn(call, reference);
}

function layerArn(call: ServiceCall, base: string, layer: string): string {
  const arn = layer.startsWith("arn:") ? layer : `${base}:layer:${layer}`;
  const version = call.input.VersionNumber;
  return typeof version === "number" ? `${arn}:${version}` : arn;
}

/** Name, name:qualifier, ACCOUNT:function:name or a full ARN, with the qualifier given beside it. */
function referencedFunctionArn(call: ServiceCall, reference: string): string {
  const { account, region } = call;
  const { functionName, qualifier, ...owner } = referenceParts(reference) ?? {
    functionName: reference,
    qualifier: undefined,
  };
  return functionArn({ account, region, ...owner, functionName }, qualifier ?? textMember(call, "Qualifier"));
}

/**
 * AWS authorizes calls on a group under the name `log-group:NAME:log-stream:`; the documented form without that end
 * is honoured as well.
 */
/** One for each of the groups where an operation names several. */
function logsPermissions(call: ServiceCall): RequiredPermission[] {
  const action = `logs:${call.operation}`;
  const { logGroupIdentifiers: several } = call.input;
  const identifier =
    textMember(call, "logGroupName") ??
    textMember(call, "logGroupIdentifier") ??
    textMember(call, "resourceArn") ??
    "";
  const isTail = call.operation === "StartLiveTail" && Array.isArray(several);
  const identifiers = isTail ? several.map(String) : [identifier];
  return identifiers.map((each) => ({ action, resources: logsResources(call, each) }));
}

/** AWS: CloudWatch's metrics have no resources; its actions are not named by its signing name. */
function cloudWatchPermission(call: ServiceCall): RequiredPermission {
  const namespace = call.operation === "PutMetricData" ? textMember(call, "Namespace") : undefined;
  return {
    action: `cloudwatch:${call.operation}`,
    resources: ["*"],
    ...(namespace !== undefined && { context: { "cloudwatch:namespace": namespace } }),
  };
}

function logsResources(call: ServiceCall, identifier: string): string[] {
  const base = `arn:aws:logs:${call.region}:${call.account}:log-group:`;
  const group = (identifier.startsWith("arn:") ? identifier : base + identifier).replace(/:\*$/, "");
  const stream = textMember(call, "logStreamName") ?? "";
  return stream === "" ? [`${group}:log-stream:`, group] : [`${group}:log-stream:${stream}`];
}

/** AWS: who gives a user or group another name or path needs the permission for what it is then, too. */
function iamPermissions(call: ServiceCall): RequiredPermission[] {
  const { NewPath: path, NewGroupName: group, NewUserName: user, ...input } = call.input;
  const permission = iamPermission(call);
  if (path === undefined && group === undefined && user === undefined) return [permission];
  const changed = {
    ...input,
    ...(path !== undefined && { Path: path }),
    ...(group !== undefined && { GroupName: group }),
    ...(user !== undefined && { UserName: user }),
  };
  return [permission, iamPermission({ ...call, input: changed })];
}

/** AWS: who may hand out permissions can be limited to those within a boundary, and to some policies. */
function iamPermission(call: ServiceCall): RequiredPermission {
  const boundary = textMember(call, "PermissionsBoundary");
  const policyArn = call.operation.endsWith("Policy") ? textMember(call, "PolicyArn") : undefined;
  return {
    action: `iam:${call.operation}`,
    resources: [iamResource(call)],
    context: {
      ...(boundary !== undefined && { "iam:PermissionsBoundary": boundary }),
      ...(policyArn !== undefined && { "iam:PolicyARN": policyArn }),
    },
  };
}

function iamResource(call: ServiceCall): string {
  const group = textMember(call, "GroupName");
  if (group !== undefined)
    return `arn:aws:iam::${call.account}:group${textMember(call, "Path") ?? "/"}${group}`;
  const role = textMember(call, "RoleName");
  const path = textMember(call, "Path") ?? "/";
  if (role !== undefined) return `arn:aws:iam::${call.account}:role${path}${role}`;
  const user = textMember(call, "UserName");
  if (user !== undefined) return `arn:aws:iam::${call.account}:user${path}${user}`;
  const arn = textMember(call, "PolicyArn");
  if (arn !== undefined) return arn;
  const policy = textMember(call, "PolicyName");
  return policy === undefined ? "*" : `arn:aws:iam::${call.account}:policy${path}${policy}`;
}

function stsPermissions(call: ServiceCall): RequiredPermission[] {
  // AWS: "No permissions are required to perform this operation", even against an explicit deny.
  if (call.operation === "GetCallerIdentity" || call.operation === "GetSessionToken") return [];
  const role = textMember(call, "RoleArn");
  // A role's trust policy decides together with the caller's policies, see the AssumeRole handler.
  if (call.operation === "AssumeRole" && role !== undefined && parseRoleArn(role) !== undefined) return [];
  return [{ action: `sts:${call.operation}`, resources: ["*"] }];
}
