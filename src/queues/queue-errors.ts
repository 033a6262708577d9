import { AwsError } from "../core/errors.ts";

/** SQS's errors, by the names of its JSON protocol; the protocol layer adds those of the query protocol. */
export const queueDoesNotExist = (): AwsError =>
  new AwsError("QueueDoesNotExist", "The specified queue does not exist.", 400);

export const queueNameExists = (attribute: string): AwsError =>
  new AwsError(
    "QueueNameExists",
    `A queue already exists with the same name and a different value for attribute ${attribute}`,
    400,
  );

/** AWS: not in the model, in both protocols. */
export const invalidParameter = (message: string): AwsError =>
  new AwsError("InvalidParameterValue", message, 400);

export const missingParameter = (name: string): AwsError =>
  new AwsError("MissingParameter", `The request must contain the parameter ${name}.`, 400);

export const invalidAttributeName = (name: string): AwsError =>
  new AwsError("InvalidAttributeName", `Unknown Attribute ${name}.`, 400);

export const invalidAttributeValue = (name: string): AwsError =>
  new AwsError("InvalidAttributeValue", `Invalid value for the parameter ${name}.`, 400);

export const receiptHandleIsInvalid = (handle: string): AwsError =>
  new AwsError(
    "ReceiptHandleIsInvalid",
    `The input receipt handle "${handle}" is not a valid receipt handle.`,
    400,
  );

export const unsupportedOperation = (message: string): AwsError =>
  new AwsError("UnsupportedOperation", message, 400);

export const purgeInProgress = (queueName: string): AwsError =>
  new AwsError(
    "PurgeQueueInProgress",
    `Only one PurgeQueue operation on ${queueName} is allowed every 60 seconds.`,
    403,
  );
