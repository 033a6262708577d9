import { PutObjectCommand, S3Client } from "@aws-sdk/client-s3";
import { DeliveryRefused, type EventTargets } from "../../ports/event-targets.ts";

export interface RemoteBuckets {
  readonly toBucket: EventTargets["toBucket"];
  close(): void;
}

/** Buckets of another S3, addressed by path, with the credentials that AWS's SDKs find. */
export function openRemoteBuckets(options: {
  readonly endpoint: string;
  readonly region: string;
}): RemoteBuckets {
  const client = new S3Client({ ...options, forcePathStyle: true });
  return {
    toBucket: async (arn, { key, body }) => {
      const bucket = arn.split(":::")[1] ?? "";
      try {
        await client.send(new PutObjectCommand({ Bucket: bucket, Key: key, Body: body }));
      } catch (error) {
        const { name, message, $fault: fault } = error as Error & { $fault?: string };
        throw fault === "client" ? new DeliveryRefused(name, message) : error;
      }
    },
    close: () => client.destroy(),
  };
}
