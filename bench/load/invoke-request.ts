import type { Load } from "./measurement.ts";

/** A synchronous invocation as a load; signed as clients do, with a signature that is not checked. */
export function invokeRequest(endpoint: string, functionName: string): Omit<Load, "connections" | "seconds"> {
  return {
    url: `${endpoint}/2015-03-31/functions/${functionName}/invocations`,
    headers: {
      "content-type": "application/octet-stream",
      authorization:
        "AWS4-HMAC-SHA256 Credential=any/20260101/us-east-1/lambda/aws4_request, SignedHeaders=host, Signature=0",
    },
    body: '{"name":"bench"}',
  };
}
