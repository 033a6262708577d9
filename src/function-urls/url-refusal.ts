import type { UrlAnswer } from "./url-answer.ts";

/** Answers of AWS itself: nothing ran, or what ran failed. */
const refusal = (status: number, errorType: string | undefined, body: string): UrlAnswer => ({
  status,
  headers: [
    ["content-type", "application/json"],
    ...(errorType === undefined ? [] : ([["x-amzn-ErrorType", errorType]] as const)),
  ],
  body: Buffer.from(body),
});

/** AWS: the answer of a host that is no function's URL (recorded from the service). */
export const noSuchUrl: UrlAnswer = refusal(403, "AccessDeniedException", '{"Message":null}');

/** AWS: whatever the policies do not allow, with or without a signature (recorded from the service). */
export const forbidden: UrlAnswer = refusal(
  403,
  "AccessDeniedException",
  JSON.stringify({
    Message:
      "Forbidden. For troubleshooting Function URL authorization issues, see: https://docs.aws.amazon.com/lambda/latest/dg/urls-auth.html",
  }),
);

/** AWS: the function failed, or its response is no answer; why stands in its log alone (recorded from the service). */
export const badGateway: UrlAnswer = refusal(502, undefined, "Internal Server Error");

export const internalFailure: UrlAnswer = refusal(500, "ServiceException", '{"Message":null}');

export const tooLarge = (limitBytes: number): UrlAnswer =>
  refusal(
    413,
    "RequestEntityTooLargeException",
    JSON.stringify({
      Message: `Request must be smaller than ${limitBytes} bytes for the InvokeFunction operation`,
    }),
  );

/** A signature that is not good. AWS: in small letters, unlike every other refusal. */
export const badSignature = (error: {
  readonly code: string;
  readonly message: string;
  readonly status: number;
}): UrlAnswer => refusal(error.status, error.code, JSON.stringify({ message: error.message }));

/** An invocation that was refused: throttled, the function is not ready, no room. */
export function refusedInvocation(error: {
  readonly code: string;
  readonly message: string;
  readonly status: number;
  readonly members: Readonly<Record<string, unknown>>;
}): UrlAnswer {
  const { Reason: reason } = error.members;
  return refusal(
    error.status,
    error.code,
    JSON.stringify({ ...(typeof reason === "string" && { Reason: reason }), Message: error.message }),
  );
}
