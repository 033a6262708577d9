import { AwsError } from "../core/errors.ts";

/** The errors of EventBridge; its protocol answers all of the caller's with 400. */
export const eventsNotFound = (message: string): AwsError =>
  new AwsError("ResourceNotFoundException", message, 400);

export const busNotFound = (name: string): AwsError => eventsNotFound(`Event bus ${name} does not exist.`);

export const ruleNotFound = (name: string, busName: string): AwsError =>
  eventsNotFound(`Rule ${name} does not exist on EventBus ${busName}.`);

export const eventsAlreadyExist = (message: string): AwsError =>
  new AwsError("ResourceAlreadyExistsException", message, 400);

export const eventsInvalid = (message: string): AwsError => new AwsError("ValidationException", message, 400);

export const invalidEventPattern = (reason: string): AwsError =>
  new AwsError("InvalidEventPatternException", `Event pattern is not valid. Reason: ${reason}`, 400);

export const eventsLimitExceeded = (message: string): AwsError =>
  new AwsError("LimitExceededException", message, 400);

export const eventsNotSupported = (what: string): AwsError =>
  eventsInvalid(`${what} is not supported by this version of Lambent.`);
