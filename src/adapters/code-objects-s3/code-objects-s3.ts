import { GetObjectCommand, type GetObjectCommandOutput, S3Client } from "@aws-sdk/client-s3";
import { invalidParameterValue, notSupported, requestEntityTooLarge } from "../../core/errors.ts";
import { FUNCTION_LIMITS } from "../../core/function-limits.ts";
import type { CodeObject, CodeObjects } from "../../ports/code-objects.ts";

/** Beyond it an object store counts as not answering: a request to create a function waits for it. */
const CONNECT_LIMIT_MS = 5_000;
const FETCH_LIMIT_MS = 120_000;

export interface S3CodeObjectsOptions {
  /** URL of an S3-compatible server; "" when none is configured. */
  readonly s3Endpoint: string;
  /** What requests are signed for. */
  readonly defaultRegion: string;
  /** "" for both has the standard chain of AWS's SDKs look for them: variables, profiles, roles of the machine. */
  readonly s3AccessKeyId: string;
  readonly s3SecretAccessKey: string;
}

/** Deployment packages in buckets of an S3-compatible server. Buckets are part of the path, not of the host's name. */
export function createS3CodeObjects(options: S3CodeObjectsOptions): CodeObjects {
  const { s3Endpoint: endpoint, defaultRegion: region } = options;
  const { s3AccessKeyId: accessKeyId, s3SecretAccessKey: secretAccessKey } = options;
  if (endpoint === "") return { fetch: () => Promise.reject(notConfigured()) };
  const client = new S3Client({
    endpoint,
    region,
    forcePathStyle: true,
    maxAttempts: 3,
    requestHandler: { connectionTimeout: CONNECT_LIMIT_MS, requestTimeout: FETCH_LIMIT_MS },
    ...(accessKeyId !== "" && { credentials: { accessKeyId, secretAccessKey } }),
  });
  return { fetch: (object) => fetchObject(client, object) };
}

const notConfigured = (): Error =>
  notSupported("Code in S3 without the setting s3Endpoint (LAMBENT_S3_ENDPOINT), the URL of an S3 server,");

async function fetchObject(client: S3Client, { bucket, key, version }: CodeObject): Promise<Uint8Array> {
  const abort = AbortSignal.timeout(FETCH_LIMIT_MS);
  try {
    const answer = await client.send(
      new GetObjectCommand({
        Bucket: bucket,
        Key: key,
        ...(version !== undefined && { VersionId: version }),
      }),
      { abortSignal: abort },
    );
    return await readWithinLimit(answer);
  } catch (error) {
    if (error instanceof TooLarge) throw tooLarge();
    throw refusalOf(error);
  }
}

class TooLarge extends Error {}

/** AWS: the same words as for a package sent with the request. */
const tooLarge = (): Error =>
  requestEntityTooLarge(`Zipped size must be smaller than ${FUNCTION_LIMITS.zippedBytesMax} bytes`);

/** Stops reading at the limit, whatever length the server claims. */
async function readWithinLimit({ Body, ContentLength }: GetObjectCommandOutput): Promise<Uint8Array> {
  const body = Body as (AsyncIterable<Uint8Array> & { destroy(): void }) | undefined;
  if (body === undefined) return new Uint8Array();
  const limit = FUNCTION_LIMITS.zippedBytesMax;
  if ((ContentLength ?? 0) > limit) {
    body.destroy();
    throw new TooLarge();
  }
  const chunks: Uint8Array[] = [];
  let size = 0;
  // Leaving the loop destroys the stream, and with it the connection.
  for await (const chunk of body) {
    size += chunk.byteLength;
    if (size > limit) throw new TooLarge();
    chunks.push(chunk);
  }
  return Buffer.concat(chunks, size);
}

/** AWS: the object store's own code and message, in one sentence of Lambda's (seen in its answers). */
function refusalOf(error: unknown): Error {
  const { name, message, $metadata } = error as Error & { $metadata?: { httpStatusCode?: number } };
  const answered = $metadata?.httpStatusCode !== undefined;
  const code = answered ? name : "ServiceUnavailable";
  const text = answered ? message : `the S3 endpoint did not answer: ${message}`;
  return invalidParameterValue(
    `Error occurred while GetObject. S3 Error Code: ${code}. S3 Error Message: ${text.replace(/\.$/, "")}.`,
  );
}
