import { invalidParameterValue } from "./errors.ts";
import { FUNCTION_LIMITS } from "./function-limits.ts";

/** Names that the platform sets; see "Using Lambda environment variables", defined runtime environment variables. */
const RESERVED_NAMES: ReadonlySet<string> = new Set([
  "_HANDLER",
  "_X_AMZN_TRACE_ID",
  "AWS_DEFAULT_REGION",
  "AWS_REGION",
  "AWS_EXECUTION_ENV",
  "AWS_LAMBDA_FUNCTION_NAME",
  "AWS_LAMBDA_FUNCTION_MEMORY_SIZE",
  "AWS_LAMBDA_FUNCTION_VERSION",
  "AWS_LAMBDA_INITIALIZATION_TYPE",
  "AWS_LAMBDA_LOG_GROUP_NAME",
  "AWS_LAMBDA_LOG_STREAM_NAME",
  "AWS_ACCESS_KEY",
  "AWS_ACCESS_KEY_ID",
  "AWS_SECRET_ACCESS_KEY",
  "AWS_SESSION_TOKEN",
  "AWS_LAMBDA_RUNTIME_API",
  "LAMBDA_TASK_ROOT",
  "LAMBDA_RUNTIME_DIR",
  "AWS_LAMBDA_MAX_CONCURRENCY",
  "AWS_LAMBDA_METADATA_API",
  "AWS_LAMBDA_METADATA_TOKEN",
]);

const UNABLE =
  "Lambda was unable to configure your environment variables because the environment variables you have provided ";

/** Refuses reserved names and more than 4 KB, measured as AWS does on the JSON text, with AWS's texts. */
export function checkEnvironmentVariables(variables: Readonly<Record<string, string>>): void {
  const reserved = Object.keys(variables).filter((name) => RESERVED_NAMES.has(name));
  if (reserved.length > 0) {
    throw invalidParameterValue(
      `${UNABLE}contains reserved keys that are currently not supported for modification. ` +
        `Reserved keys used in this request: ${reserved.join(", ")}`,
    );
  }
  const measured = JSON.stringify(variables);
  if (Buffer.byteLength(measured) > FUNCTION_LIMITS.environmentBytesMax) {
    throw invalidParameterValue(`${UNABLE}exceeded the 4KB limit. String measured: ${measured}`);
  }
}
