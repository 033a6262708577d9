import { AwsError } from "../core/errors.ts";

/** The errors of the IAM query protocol; their texts follow what IAM answers. */
export const noSuchEntity = (message: string): AwsError => new AwsError("NoSuchEntity", message, 404);

export const roleNotFound = (roleName: string): AwsError =>
  noSuchEntity(`The role with name ${roleName} cannot be found.`);

export const userNotFound = (userName: string): AwsError =>
  noSuchEntity(`The user with name ${userName} cannot be found.`);

export const groupNotFound = (groupName: string): AwsError =>
  noSuchEntity(`The group with name ${groupName} cannot be found.`);

export const policyNotFound = (arn: string): AwsError => noSuchEntity(`Policy ${arn} was not found.`);

export const entityAlreadyExists = (message: string): AwsError =>
  new AwsError("EntityAlreadyExists", message, 409);

export const deleteConflict = (message: string): AwsError => new AwsError("DeleteConflict", message, 409);

export const limitExceeded = (message: string): AwsError => new AwsError("LimitExceeded", message, 409);

export const malformedPolicyDocument = (message: string): AwsError =>
  new AwsError("MalformedPolicyDocument", message, 400);

export const invalidInput = (message: string): AwsError => new AwsError("InvalidInput", message, 400);

export const concurrentModification = (message: string): AwsError =>
  new AwsError("ConcurrentModification", message, 409);

/** The IAM and STS protocols have their own code for a denied request. */
export const iamAccessDenied = (message: string): AwsError => new AwsError("AccessDenied", message, 403);
