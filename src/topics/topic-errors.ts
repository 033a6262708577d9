import { AwsError } from "../core/errors.ts";

/** SNS's errors, by the names of its model; the protocol layer writes their codes. */
export const topicNotFound = (): AwsError => new AwsError("NotFoundException", "Topic does not exist", 404);

/** AWS's for a link that does not suffice. */
export const authorizationError = (): AwsError =>
  new AwsError("AuthorizationErrorException", "Unsubscribe requires an authenticated request.", 403);

export const subscriptionNotFound = (): AwsError =>
  new AwsError("NotFoundException", "Subscription does not exist", 404);

export const invalidParameter = (reason: string): AwsError =>
  new AwsError("InvalidParameterException", `Invalid parameter: ${reason}`, 400);

/** What SNS can do and this Lambent cannot: named instead of ignored. */
export const notServed = (what: string): AwsError =>
  invalidParameter(`${what} is not supported by this version of Lambent.`);
