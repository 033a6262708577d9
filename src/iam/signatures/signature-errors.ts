import { AwsError } from "../../core/errors.ts";
import type { SignatureProblem } from "./signed-request.ts";

/** How a service names the kinds of refusal, and the status of its answer. */
interface SignatureDialect {
  readonly status: number;
  readonly codes: Readonly<Record<SignatureProblem["kind"], string>>;
}

/** AWS: the REST and JSON services. "Common error types" of their API references. */
const JSON_CODES: SignatureDialect["codes"] = {
  missing: "MissingAuthenticationTokenException",
  incomplete: "IncompleteSignatureException",
  "unknown key": "UnrecognizedClientException",
  "expired token": "ExpiredTokenException",
  mismatch: "InvalidSignatureException",
  clock: "InvalidSignatureException",
  "expired request": "InvalidSignatureException",
  payload: "InvalidSignatureException",
};

/** AWS: the query services, "Common errors" of IAM, STS, SQS and SNS. */
const QUERY_CODES: SignatureDialect["codes"] = {
  missing: "MissingAuthenticationToken",
  incomplete: "IncompleteSignature",
  "unknown key": "InvalidClientTokenId",
  "expired token": "ExpiredToken",
  mismatch: "SignatureDoesNotMatch",
  clock: "SignatureDoesNotMatch",
  "expired request": "SignatureDoesNotMatch",
  payload: "SignatureDoesNotMatch",
};

/** "Error responses" of the Amazon S3 API reference. */
const S3_CODES: SignatureDialect["codes"] = {
  missing: "AccessDenied",
  incomplete: "AuthorizationHeaderMalformed",
  "unknown key": "InvalidAccessKeyId",
  "expired token": "ExpiredToken",
  mismatch: "SignatureDoesNotMatch",
  clock: "RequestTimeTooSkewed",
  "expired request": "AccessDenied",
  payload: "XAmzContentSHA256Mismatch",
};

const dialects: Readonly<Record<string, SignatureDialect>> = {
  lambda: { status: 403, codes: JSON_CODES },
  scheduler: { status: 403, codes: JSON_CODES },
  iam: { status: 403, codes: QUERY_CODES },
  sts: { status: 403, codes: QUERY_CODES },
  sns: { status: 403, codes: QUERY_CODES },
  monitoring: { status: 403, codes: QUERY_CODES },
  s3: { status: 403, codes: S3_CODES },
};

/** AWS: what is wrong with a caller is 400 in the JSON protocols that name their operation in a header. */
const general: SignatureDialect = { status: 400, codes: JSON_CODES };

const MISMATCH =
  "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key and signing method. Consult the service documentation for details.";
const BAD_REQUEST_STATUS = 400;

const TEXTS: Readonly<Partial<Record<SignatureProblem["kind"], string>>> = {
  missing: "Missing Authentication Token",
  "unknown key": "The security token included in the request is invalid.",
  "expired token": "The security token included in the request is expired",
  mismatch: MISMATCH,
  "expired request": "Signature expired: the presigned request is past its expiry.",
  payload: MISMATCH,
};

const S3_TEXTS: Readonly<Partial<Record<SignatureProblem["kind"], string>>> = {
  missing: "Access Denied",
  "unknown key": "The AWS Access Key Id you provided does not exist in our records.",
  "expired token": "The provided token has expired.",
  mismatch:
    "The request signature we calculated does not match the signature you provided. Check your key and signing method.",
  clock: "The difference between the request time and the current time is too large.",
  "expired request": "Request has expired",
  payload: "The provided 'x-amz-content-sha256' header does not match what was computed.",
};

const S3_BAD_REQUESTS: ReadonlySet<SignatureProblem["kind"]> = new Set([
  "incomplete",
  "payload",
  "expired token",
]);

/** The error of the service (by its signing name) for a request whose signature was refused. */
export function signatureError(service: string | undefined, problem: SignatureProblem): AwsError {
  const isS3 = service === "s3";
  const known = service !== undefined && Object.hasOwn(dialects, service) ? dialects[service] : undefined;
  const { status, codes } = known ?? general;
  const detail = "detail" in problem ? problem.detail : undefined;
  const text = (isS3 ? S3_TEXTS[problem.kind] : undefined) ?? detail ?? TEXTS[problem.kind] ?? problem.kind;
  const isBadRequest = isS3 && S3_BAD_REQUESTS.has(problem.kind);
  return new AwsError(codes[problem.kind], text, isBadRequest ? BAD_REQUEST_STATUS : status);
}
