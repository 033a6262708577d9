import { AwsError, invalidParameterValue, requestEntityTooLarge } from "../core/errors.ts";
import { FUNCTION_LIMITS } from "../core/function-limits.ts";
import type { CodeObject, CodeObjects } from "../ports/code-objects.ts";
import type { Objects } from "./objects.ts";

/** Deployment packages in the buckets of this Lambent. */
export function embeddedCodeObjects(objects: Objects): CodeObjects {
  return {
    async fetch({ bucket, key, version }: CodeObject): Promise<Uint8Array> {
      try {
        const { content } = await objects.read(
          objects.buckets.get(bucket),
          { key, versionId: version },
          ({ sizeBytes }) => {
            if (sizeBytes > FUNCTION_LIMITS.zippedBytesMax) throw tooLarge();
            return { start: 0, end: sizeBytes - 1 };
          },
        );
        const chunks: Uint8Array[] = [];
        for await (const chunk of content) chunks.push(chunk);
        return Buffer.concat(chunks);
      } catch (error) {
        throw error instanceof AwsError && error.status === 404 ? refusal(error) : error;
      }
    },
  };
}

/** AWS: the same words as for a package sent with the request. */
const tooLarge = (): AwsError =>
  requestEntityTooLarge(`Zipped size must be smaller than ${FUNCTION_LIMITS.zippedBytesMax} bytes`);

/** AWS: the object store's own code and message, in one sentence of Lambda's (seen in its answers). */
const refusal = ({ code, message }: AwsError): AwsError =>
  invalidParameterValue(
    `Error occurred while GetObject. S3 Error Code: ${code}. S3 Error Message: ${message.replace(/\.$/, "")}.`,
  );
