import { DeliveryRefused, type EventSender, type EventTargets } from "../ports/event-targets.ts";
import { bucketArn } from "./bucket.ts";
import type { Objects } from "./objects.ts";

/** Whether a sender may put the object of this ARN, by the bucket's policy (JSON text) or its own role. */
export type MayPut = (sender: EventSender, objectArn: string, policy: string | undefined) => boolean;

/** Buckets as targets of events: each becomes an object of JSON. */
export function bucketDelivery(objects: Objects, mayPut: MayPut): EventTargets["toBucket"] {
  return async (arn, { key, body }, sender) => {
    const name = arn.replace(/^arn:aws:s3:::/, "");
    const bucket = objects.buckets.find(name);
    if (bucket === undefined)
      throw new DeliveryRefused("NoSuchBucket", `The specified bucket does not exist: ${name}`);
    if (!mayPut(sender, `${bucketArn(name)}/${key}`, bucket.policy))
      throw new DeliveryRefused("AccessDenied", "Access Denied");
    await objects.put(
      bucket,
      {
        key,
        account: sender.sourceAccount,
        description: {
          headers: { "content-type": "application/json" },
          metadata: {},
          tags: [],
          storageClass: "STANDARD",
        },
        conditions: {},
        eventName: "ObjectCreated:Put",
        request: {
          requestId: "",
          hostId: "",
          principalId: sender.roleArn ?? sender.servicePrincipal,
          account: sender.sourceAccount,
          sourceIp: sender.servicePrincipal,
        },
      },
      {
        content: once(body),
        algorithms: [],
        checksums: () => ({}),
        md5: undefined,
        sha256: undefined,
        sizeMaxBytes: body.byteLength,
      },
    );
  };
}

async function* once(body: Uint8Array): AsyncGenerator<Uint8Array> {
  if (body.byteLength > 0) yield body;
}
