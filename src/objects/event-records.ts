import { type Bucket, bucketArn } from "./bucket.ts";

/** What an event tells about the request that caused it. */
export interface RequestInfo {
  readonly requestId: string;
  readonly hostId: string;
  /** "AWS:AIDA…" */
  readonly principalId: string;
  readonly account: string;
  readonly sourceIp: string;
}

/** Something that happened to an object. */
export interface ObjectEvent {
  /** "ObjectCreated:Put" and the like. */
  readonly name: string;
  readonly key: string;
  readonly sizeBytes?: number | undefined;
  readonly etag?: string | undefined;
  /** Undefined where the bucket was never versioned. */
  readonly versionId?: string | undefined;
  readonly sequence: number;
  readonly atMs: number;
  readonly request: RequestInfo;
}

const sequencerOf = (sequence: number): string =>
  `00${sequence.toString(16).toUpperCase().padStart(16, "0")}`;

/** AWS: keys in records are encoded as in a form, "my+photo.jpg". */
const encodedKey = (key: string): string =>
  encodeURIComponent(key).replaceAll("%20", "+").replaceAll("%2F", "/").replaceAll("%3D", "=");

/** The message to a function, queue or topic: "Event message structure" of the S3 user guide. */
export function notificationText(bucket: Bucket, event: ObjectEvent, configurationId: string): string {
  const { request, name, key, sizeBytes, etag, versionId, sequence, atMs } = event;
  return JSON.stringify({
    Records: [
      {
        eventVersion: name.startsWith("ObjectTagging") ? "2.3" : "2.1",
        eventSource: "aws:s3",
        awsRegion: bucket.region,
        eventTime: new Date(atMs).toISOString(),
        eventName: name,
        userIdentity: { principalId: request.principalId },
        requestParameters: { sourceIPAddress: request.sourceIp },
        responseElements: { "x-amz-request-id": request.requestId, "x-amz-id-2": request.hostId },
        s3: {
          s3SchemaVersion: "1.0",
          configurationId,
          bucket: {
            name: bucket.name,
            ownerIdentity: { principalId: `A${bucket.account}` },
            arn: bucketArn(bucket.name),
          },
          object: {
            key: encodedKey(key),
            ...(sizeBytes !== undefined && { size: sizeBytes }),
            ...(etag !== undefined && { eTag: etag }),
            ...(versionId !== undefined && { versionId }),
            sequencer: sequencerOf(sequence),
          },
        },
      },
    ],
  });
}

/** What AWS sends to a queue or topic when it becomes the destination of a bucket. */
export function testEventText(bucket: string, atMs: number, request: RequestInfo): string {
  return JSON.stringify({
    Service: "Amazon S3",
    Event: "s3:TestEvent",
    Time: new Date(atMs).toISOString(),
    Bucket: bucket,
    RequestId: request.requestId,
    HostId: request.hostId,
  });
}

const DETAIL_TYPES: readonly (readonly [prefix: string, type: string])[] = [
  ["ObjectCreated:", "Object Created"],
  ["ObjectRemoved:", "Object Deleted"],
  ["ObjectTagging:Put", "Object Tags Added"],
  ["ObjectTagging:Delete", "Object Tags Deleted"],
];

const REASONS: Readonly<Record<string, string>> = {
  "ObjectCreated:Put": "PutObject",
  "ObjectCreated:Copy": "CopyObject",
  "ObjectCreated:CompleteMultipartUpload": "CompleteMultipartUpload",
  "ObjectRemoved:Delete": "DeleteObject",
  "ObjectRemoved:DeleteMarkerCreated": "DeleteObject",
};

/** The same as EventBridge has it: "EventBridge event message structure" of the S3 user guide. */
export function busDetail(bucket: Bucket, event: ObjectEvent): { detailType: string; detail: string } {
  const { request, name, key, sizeBytes, etag, versionId, sequence } = event;
  const deletion =
    name === "ObjectRemoved:Delete"
      ? "Permanently Deleted"
      : name === "ObjectRemoved:DeleteMarkerCreated"
        ? "Delete Marker Created"
        : undefined;
  const reason = REASONS[name];
  return {
    detailType: DETAIL_TYPES.find(([prefix]) => name.startsWith(prefix))?.[1] ?? name,
    detail: JSON.stringify({
      version: "0",
      bucket: { name: bucket.name },
      object: {
        key,
        ...(sizeBytes !== undefined && { size: sizeBytes }),
        ...(etag !== undefined && { etag }),
        ...(versionId !== undefined && { "version-id": versionId }),
        ...(!name.startsWith("ObjectTagging") && { sequencer: sequencerOf(sequence) }),
      },
      "request-id": request.requestId,
      requester: request.account,
      "source-ip-address": request.sourceIp,
      ...(reason !== undefined && { reason }),
      ...(deletion !== undefined && { "deletion-type": deletion }),
    }),
  };
}
