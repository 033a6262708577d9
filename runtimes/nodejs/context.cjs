"use strict";

const { runtimeError } = require("./errors.cjs");

/**
 * The handler's second argument, from the headers of an event and the environment variables.
 * AWS: "Using the Lambda context object to retrieve Node.js function information" in the developer guide.
 */
function createContext(headers) {
  const deadlineMs = Number(headers["lambda-runtime-deadline-ms"]);
  const environment = process.env;
  return {
    clientContext: parseJsonHeader(headers, "lambda-runtime-client-context"),
    identity: parseJsonHeader(headers, "lambda-runtime-cognito-identity"),
    invokedFunctionArn: headers["lambda-runtime-invoked-function-arn"],
    awsRequestId: headers["lambda-runtime-aws-request-id"],
    tenantId: headers["lambda-runtime-aws-tenant-id"],
    xRayTraceId: headers["lambda-runtime-trace-id"],
    getRemainingTimeInMillis: () => deadlineMs - Date.now(),
    functionName: environment.AWS_LAMBDA_FUNCTION_NAME,
    functionVersion: environment.AWS_LAMBDA_FUNCTION_VERSION,
    memoryLimitInMB: environment.AWS_LAMBDA_FUNCTION_MEMORY_SIZE,
    logGroupName: environment.AWS_LAMBDA_LOG_GROUP_NAME,
    logStreamName: environment.AWS_LAMBDA_LOG_STREAM_NAME,
  };
}

/** Headers travel as bytes; these two hold UTF-8. */
function parseJsonHeader(headers, name) {
  const value = headers[name];
  if (!value) return undefined;
  try {
    return JSON.parse(Buffer.from(value, "latin1").toString("utf8"));
  } catch (error) {
    throw runtimeError("PlatformError", `Failed to parse ${name} as JSON: ${error.message}`);
  }
}

module.exports = { createContext };
