import { AwsError } from "../core/errors.ts";

/** The errors of EventBridge Scheduler. */
export const scheduleInvalid = (message: string): AwsError =>
  new AwsError("ValidationException", message, 400);

export const scheduleNotFound = (what: string): AwsError =>
  new AwsError("ResourceNotFoundException", `${what} does not exist.`, 404);

export const scheduleConflict = (message: string): AwsError =>
  new AwsError("ConflictException", message, 409);

export const schedulesNotSupported = (what: string): AwsError =>
  scheduleInvalid(`${what} is not supported by this version of Lambent.`);
