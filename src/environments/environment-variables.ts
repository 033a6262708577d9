import type { FunctionVersion } from "../core/function-version.ts";
import type { InitializationType } from "../core/platform-records.ts";
import type { InstalledRuntime } from "../ports/runtime-catalogue.ts";

/** Temporary credentials of a function's role. */
export interface RoleCredentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken: string;
}

/**
 * The environment of a function's process: the runtime's defaults, then the function's own variables, then the
 * reserved ones, which nobody can override. See "Defined runtime environment variables" in the developer guide.
 */
export function functionEnvironmentVariables(
  version: FunctionVersion,
  runtime: InstalledRuntime,
  run: {
    readonly credentials: RoleCredentials;
    readonly logStreamName: string;
    readonly initializationType: InitializationType;
    readonly metadataToken: string;
  },
): Record<string, string> {
  return {
    ...runtime.environmentVariables,
    // AWS: functions with the format Text have neither.
    ...(version.logging.logFormat === "JSON" && {
      AWS_LAMBDA_LOG_FORMAT: "JSON",
      AWS_LAMBDA_LOG_LEVEL: version.logging.applicationLogLevel ?? "INFO",
    }),
    ...version.environmentVariables,
    _HANDLER: version.handler,
    AWS_REGION: version.region,
    AWS_DEFAULT_REGION: version.region,
    AWS_LAMBDA_FUNCTION_NAME: version.functionName,
    AWS_LAMBDA_FUNCTION_VERSION: version.version,
    AWS_LAMBDA_FUNCTION_MEMORY_SIZE: String(version.memoryMb),
    AWS_LAMBDA_INITIALIZATION_TYPE: run.initializationType,
    AWS_LAMBDA_LOG_GROUP_NAME: version.logging.logGroup,
    AWS_LAMBDA_LOG_STREAM_NAME: run.logStreamName,
    AWS_ACCESS_KEY_ID: run.credentials.accessKeyId,
    AWS_SECRET_ACCESS_KEY: run.credentials.secretAccessKey,
    AWS_SESSION_TOKEN: run.credentials.sessionToken,
    AWS_LAMBDA_METADATA_TOKEN: run.metadataToken,
  };
}

/**
 * YYYY/MM/DD/[version]<environment id>; with a log group of the user's own choice the function's name is in it, as
 * several functions may share the group.
 */
export function logStreamName(version: FunctionVersion, environmentId: string, nowMs: number): string {
  const day = new Date(nowMs).toISOString().slice(0, 10).replaceAll("-", "/");
  const shared = version.logging.logGroup !== `/aws/lambda/${version.functionName}`;
  return `${day}/${shared ? version.functionName : ""}[${version.version}]${environmentId}`;
}
