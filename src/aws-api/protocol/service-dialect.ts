import type { IncomingHttpHeaders } from "node:http";
import { type AwsError, requestEntityTooLarge } from "../../core/errors.ts";

/** How many body bytes an operation accepts, and what it answers to more. */
export interface BodyLimit {
  readonly maxBytes: number;
  refuse(operation: string, bytes: number, headers: IncomingHttpHeaders): AwsError;
}

/** What tells AWS's services apart beyond their models. */
export interface ServiceDialect {
  /** Code of the error for violated model constraints. */
  readonly validationErrorCode: string;
  /** Error for failures of the platform itself, when the model has none called ServiceException. */
  readonly internalErrorCode: string;
  /** False for S3, whose XML errors have no ErrorResponse element around them. */
  readonly wrapsXmlErrors: boolean;
  bodyLimit(operation: string): BodyLimit;
}

const defaultLimit: BodyLimit = {
  maxBytes: 10 * 1024 * 1024,
  refuse: (_operation, _bytes) =>
    requestEntityTooLarge(`Request must be smaller than ${defaultLimit.maxBytes} bytes`),
};

/** AWS: 50 MB of zip in base64 with room for the rest; text from the recorded answers of CreateFunction. */
const lambdaLimit: BodyLimit = {
  maxBytes: 70_167_211,
  refuse: (operation) =>
    requestEntityTooLarge(
      `Request must be smaller than ${lambdaLimit.maxBytes} bytes for the ${operation} operation`,
    ),
};

/** AWS: "Invocation payload" in the Lambda quotas; 6 MB for synchronous, 1 MB for asynchronous invocations. */
const invokeLimit: BodyLimit = {
  maxBytes: 6_291_456,
  refuse: (_operation, bytes, headers) => {
    const isEvent = headers["x-amz-invocation-type"] === "Event";
    const kind = isEvent ? "Event" : "RequestResponse";
    const limit = isEvent ? 1_048_576 : invokeLimit.maxBytes;
    return requestEntityTooLarge(
      `${bytes} byte payload is too large for the ${kind} invocation type (limit ${limit} bytes)`,
    );
  },
};
const invokeOperations: ReadonlySet<string> = new Set(["Invoke", "InvokeAsync", "InvokeWithResponseStream"]);

const general: ServiceDialect = {
  validationErrorCode: "ValidationException",
  internalErrorCode: "InternalFailure",
  wrapsXmlErrors: true,
  bodyLimit: () => defaultLimit,
};

const dialects: Readonly<Record<string, ServiceDialect>> = {
  lambda: {
    ...general,
    bodyLimit: (operation) => (invokeOperations.has(operation) ? invokeLimit : lambdaLimit),
  },
  // AWS: CloudWatch Logs reports violated constraints as InvalidParameterException.
  logs: { ...general, validationErrorCode: "InvalidParameterException" },
  s3: { ...general, wrapsXmlErrors: false },
};

/** The dialect of a service; AWS's query services call a violated constraint ValidationError. */
export function dialectOf(signingName: string, protocol: string): ServiceDialect {
  const dialect = Object.hasOwn(dialects, signingName) ? dialects[signingName] : undefined;
  if (dialect) return dialect;
  return protocol === "awsQuery" ? { ...general, validationErrorCode: "ValidationError" } : general;
}
