import { once } from "node:events";
import { request as httpRequest, type IncomingMessage } from "node:http";
import { AddPermissionCommand, type LambdaClient } from "@aws-sdk/client-lambda";

export interface UrlRequest {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Uint8Array;
}

export interface UrlResponse {
  readonly status: number;
  readonly headers: IncomingMessage["headers"];
  /** Of each name all values. */
  readonly headersDistinct: IncomingMessage["headersDistinct"];
  readonly text: string;
  /** When each piece came, in milliseconds after the request. */
  readonly piecesAtMs: readonly number[];
}

/** A request to a function URL by its Host header: names below localhost are not resolved on every machine. */
export async function requestUrl(
  endpoint: string,
  url: string,
  { method = "GET", headers, body }: UrlRequest = {},
): Promise<UrlResponse> {
  const startedAtMs = performance.now();
  const { response } = await openUrlResponse(endpoint, url, {
    method,
    ...(headers && { headers }),
    ...(body && { body }),
  });
  const pieces: Buffer[] = [];
  const piecesAtMs: number[] = [];
  for await (const piece of response) {
    pieces.push(piece as Buffer);
    piecesAtMs.push(performance.now() - startedAtMs);
  }
  return {
    status: response.statusCode ?? 0,
    headers: response.headers,
    headersDistinct: response.headersDistinct,
    text: Buffer.concat(pieces).toString(),
    piecesAtMs,
  };
}

/** The same, with the body still to be read. */
export async function openUrlResponse(
  endpoint: string,
  url: string,
  { method = "GET", headers, body }: UrlRequest = {},
): Promise<{ readonly response: IncomingMessage }> {
  const { host, pathname, search } = new URL(url);
  const request = httpRequest(endpoint, { path: pathname + search, method, headers: { host, ...headers } });
  request.end(body);
  const [response] = (await once(request, "response")) as [IncomingMessage];
  return { response };
}

/** Lets everybody call the URL of a function or alias, with the two permissions that AWS wants for it. */
export async function allowEverybody(
  lambda: LambdaClient,
  of: { readonly FunctionName: string; readonly Qualifier?: string },
): Promise<void> {
  const everybody = { ...of, Principal: "*" };
  await lambda.send(
    new AddPermissionCommand({
      ...everybody,
      StatementId: "url",
      Action: "lambda:InvokeFunctionUrl",
      FunctionUrlAuthType: "NONE",
    }),
  );
  await lambda.send(
    new AddPermissionCommand({
      ...everybody,
      StatementId: "invoke",
      Action: "lambda:InvokeFunction",
      InvokedViaFunctionUrl: true,
    }),
  );
}
