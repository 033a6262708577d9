import { AwsError } from "../core/errors.ts";

/** S3's errors: "Error responses" of its API reference. */
export const noSuchBucket = (bucket: string): AwsError =>
  new AwsError("NoSuchBucket", "The specified bucket does not exist", 404, { BucketName: bucket });

export const noSuchKey = (key: string): AwsError =>
  new AwsError("NoSuchKey", "The specified key does not exist.", 404, { Key: key });

export const noSuchVersion = (key: string, versionId: string): AwsError =>
  new AwsError("NoSuchVersion", "The specified version does not exist.", 404, {
    Key: key,
    VersionId: versionId,
  });

export const noSuchUpload = (uploadId: string): AwsError =>
  new AwsError(
    "NoSuchUpload",
    "The specified upload does not exist. The upload ID may be invalid, or the upload may have been aborted or completed.",
    404,
    { UploadId: uploadId },
  );

export const preconditionFailed = (condition: string): AwsError =>
  new AwsError("PreconditionFailed", "At least one of the pre-conditions you specified did not hold", 412, {
    Condition: condition,
  });

export const invalidArgument = (message: string, name?: string, value?: string): AwsError =>
  new AwsError("InvalidArgument", message, 400, {
    ...(name !== undefined && { ArgumentName: name }),
    ...(value !== undefined && { ArgumentValue: value }),
  });

export const invalidRequest = (message: string): AwsError => new AwsError("InvalidRequest", message, 400);

export const malformedXml = (): AwsError =>
  new AwsError(
    "MalformedXML",
    "The XML you provided was not well-formed or did not validate against our published schema",
    400,
  );

export const accessDenied = (message = "Access Denied"): AwsError =>
  new AwsError("AccessDenied", message, 403);

/** What S3 has and this does not: said by name. */
export const notImplemented = (what: string): AwsError =>
  new AwsError(
    "NotImplemented",
    `A header or parameter you provided implies functionality that is not implemented: ${what} is not supported by this version of Lambent.`,
    501,
  );

export const badDigest = (what: string): AwsError =>
  new AwsError("BadDigest", `The ${what} you specified did not match the calculated checksum.`, 400);
