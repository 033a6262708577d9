import assert from "node:assert/strict";
import http from "node:http";
import * as sdk from "@aws-sdk/client-s3";
import { clientConfiguration } from "./deploy.ts";
import { type RunningLambent, startLambent } from "./start-lambent.ts";

/** MD5 of "hello", as S3 has it. */
export const HELLO_ETAG = '"5d41402abc4b2a76b9719d911017c592"';

export interface RawRequest {
  readonly method?: string;
  readonly headers?: Record<string, string>;
  readonly body?: string | Buffer;
}

export interface RawResponse {
  readonly status: number;
  readonly headers: http.IncomingHttpHeaders;
  readonly text: string;
}

/** A real Lambent with one bucket, and what tests of S3 do all the time. */
export interface S3Conformance {
  readonly lambent: RunningLambent;
  readonly s3: sdk.S3Client;
  put(
    key: string,
    body?: string | Uint8Array,
    more?: Partial<sdk.PutObjectCommandInput>,
  ): Promise<sdk.PutObjectCommandOutput>;
  get(key: string, more?: Partial<sdk.GetObjectCommandInput>): Promise<sdk.GetObjectCommandOutput>;
  text(key: string, more?: Partial<sdk.GetObjectCommandInput>): Promise<string | undefined>;
  /** A request as no SDK sends it. */
  raw(path: string, request?: RawRequest): Promise<RawResponse>;
  close(): Promise<void>;
}

export async function openS3Conformance(Bucket: string): Promise<S3Conformance> {
  const lambent = await startLambent();
  const s3 = new sdk.S3Client({ ...clientConfiguration(lambent.endpoint), forcePathStyle: true });
  await s3.send(new sdk.CreateBucketCommand({ Bucket }));
  const get: S3Conformance["get"] = (Key, more = {}) =>
    s3.send(new sdk.GetObjectCommand({ Bucket, Key, ...more }));
  return {
    lambent,
    s3,
    get,
    put: (Key, Body = "hello", more = {}) =>
      s3.send(new sdk.PutObjectCommand({ Bucket, Key, Body, ...more })),
    text: async (Key, more) => (await get(Key, more)).Body?.transformToString(),
    raw: (path, request) => sendRaw(lambent.endpoint, path, request),
    async close() {
      s3.destroy();
      await lambent.stop();
    },
  };
}

/** Expects S3's refusal, by its code and status. */
export async function refused(request: Promise<unknown>, name: string, status: number): Promise<void> {
  await assert.rejects(request, (error: sdk.S3ServiceException) => {
    assert.equal(error.name, name);
    assert.equal(error.$metadata.httpStatusCode, status);
    return true;
  });
}

function sendRaw(
  endpoint: string,
  path: string,
  { method = "GET", headers = {}, body }: RawRequest = {},
): Promise<RawResponse> {
  return new Promise((resolve, reject) => {
    const { hostname, port } = new URL(endpoint);
    const request = http.request({ hostname, port, path, method, headers }, (response) => {
      const chunks: Buffer[] = [];
      response.on("data", (chunk: Buffer) => chunks.push(chunk));
      response.on("end", () =>
        resolve({
          status: response.statusCode ?? 0,
          headers: response.headers,
          text: Buffer.concat(chunks).toString(),
        }),
      );
    });
    request.on("error", reject);
    request.end(body);
  });
}
