import { type Agent, request as httpRequest } from "node:http";

export interface InvocationTarget {
  readonly endpoint: string;
  readonly agent: Agent;
}

/** Milliseconds from request to answer over HTTP; rejects when the function fails. */
export function timeInvocation({ agent, endpoint }: InvocationTarget, name: string): Promise<number> {
  return new Promise((resolve, reject) => {
    const startedMs = performance.now();
    const request = httpRequest(`${endpoint}/2015-03-31/functions/${name}/invocations`, {
      agent,
      method: "POST",
      headers: {
        authorization:
          "AWS4-HMAC-SHA256 Credential=any/20260101/us-east-1/lambda/aws4_request, SignedHeaders=host, Signature=0",
      },
    });
    request.on("error", reject);
    request.on("response", (response) => {
      response.resume();
      response.on("end", () => {
        const tookMs = performance.now() - startedMs;
        if (response.statusCode === 200 && response.headers["x-amz-function-error"] === undefined)
          resolve(tookMs);
        else reject(new Error(`${name} answered ${response.statusCode}`));
      });
    });
    request.end("{}");
  });
}
