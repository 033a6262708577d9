import { AwsError } from "../core/errors.ts";

/** The errors of CloudWatch's metrics; its protocols answer all of them with 400. */
export const invalidMetricParameter = (message: string): AwsError =>
  new AwsError("InvalidParameterValueException", message, 400);

export const invalidMetricCombination = (message: string): AwsError =>
  new AwsError("InvalidParameterCombinationException", message, 400);

export const missingMetricParameter = (message: string): AwsError =>
  new AwsError("MissingRequiredParameterException", message, 400);

/** AWS: GetMetricData's own checks come as this (recorded from the service). */
export const metricQueryError = (message: string): AwsError => new AwsError("ValidationError", message, 400);

export const metricsNotSupported = (what: string): AwsError =>
  invalidMetricParameter(`${what} is not supported by this version of Lambent.`);

export const invalidMetricToken = (): AwsError =>
  new AwsError("InvalidNextToken", "The token supplied is invalid.", 400);
