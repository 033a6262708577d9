import { AwsError } from "../core/errors.ts";

/** The errors of CloudWatch Logs; its protocol answers all of them with 400. */
export const logGroupNotFound = (): AwsError =>
  new AwsError("ResourceNotFoundException", "The specified log group does not exist.", 400);

export const logStreamNotFound = (): AwsError =>
  new AwsError("ResourceNotFoundException", "The specified log stream does not exist.", 400);

export const logGroupAlreadyExists = (): AwsError =>
  new AwsError("ResourceAlreadyExistsException", "The specified log group already exists", 400);

export const logStreamAlreadyExists = (): AwsError =>
  new AwsError("ResourceAlreadyExistsException", "The specified log stream already exists", 400);

export const invalidLogsParameter = (message: string): AwsError =>
  new AwsError("InvalidParameterException", message, 400);

export const logsNotSupported = (what: string): AwsError =>
  invalidLogsParameter(`${what} is not supported by this version of Lambent.`);
