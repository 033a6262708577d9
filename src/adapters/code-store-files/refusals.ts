import { AwsError, invalidParameterValue } from "../../core/errors.ts";
import { FUNCTION_LIMITS } from "../../core/function-limits.ts";

/**
 * A package that is damaged or hostile. The caller reads AWS's words; `reason` says what was found, for Lambent's
 * log and for tests.
 */
export class RefusedPackage extends AwsError {
  readonly reason: string;

  constructor(reason: string) {
    super(
      "InvalidParameterValueException",
      "Could not unzip uploaded file. Please check your file, then try to upload again.",
    );
    this.reason = reason;
  }
}

export const emptyPackage = (): AwsError => invalidParameterValue("Uploaded file must be a non-empty zip");

export const zippedTooLarge = (): AwsError =>
  new AwsError(
    "RequestEntityTooLargeException",
    `Zipped size must be smaller than ${FUNCTION_LIMITS.zippedBytesMax} bytes`,
    413,
  );

export const unzippedTooLarge = (): AwsError =>
  invalidParameterValue(`Unzipped size must be smaller than ${FUNCTION_LIMITS.unzippedBytesMax} bytes`);
