import { join } from "node:path";
import { openRemoteBuckets } from "../adapters/bucket-s3/bucket-s3.ts";
import { systemClock as clock } from "../adapters/clock-system/clock-system.ts";
import { ObjectStoreFiles } from "../adapters/object-store-files/object-store-files.ts";
import type { ServiceDefinition } from "../aws-api/protocol/handlers.ts";
import { s3Service } from "../aws-api/services/s3/s3-service.ts";
import { parsePolicyDocument } from "../core/policy-document.ts";
import { endpointOf } from "../core/service-endpoints.ts";
import type { ResourcePolicy } from "../iam/authorize.ts";
import { mayDeliver } from "../iam/event-permission.ts";
import { bucketDelivery } from "../objects/bucket-delivery.ts";
import { embeddedCodeObjects } from "../objects/embedded-code-objects.ts";
import { Objects } from "../objects/objects.ts";
import { type Ground, newId } from "./ground.ts";
import type { Platform } from "./platform.ts";

/** S3, as targets and as a service: embedded, at an endpoint that the configuration names, or off. */
export async function openBuckets(
  ground: Ground,
  parts: { readonly platform: Platform },
): Promise<readonly ServiceDefinition[]> {
  const { configuration, opened, targets } = ground;
  const endpoint = endpointOf(configuration.endpoints, "s3");
  if (endpoint === "off") return [];
  if (endpoint === "embedded") return [await openObjects(ground, parts)];
  const remote = openRemoteBuckets({ endpoint, region: configuration.defaultRegion });
  opened.add(() => remote.close());
  targets.toBucket = remote.toBucket;
  return [];
}

/** Opens the embedded S3: buckets as targets of events, and their policies. Returns the service for the AWS endpoint. */
async function openObjects(
  ground: Ground,
  { platform }: { readonly platform: Platform },
): Promise<ServiceDefinition> {
  const { store, logger, targets, opened, configuration } = ground;
  const { directory } = platform.iam;
  const { policies } = platform.functions;
  const objects = await Objects.open({
    keyValue: store.keyValue,
    queue: store.queue,
    bodies: new ObjectStoreFiles(join(configuration.dataDirectory, "objects")),
    targets,
    clock,
    logger,
    newId,
    mayInvoke: (functionArn, sender) =>
      mayDeliver(directory, sender, {
        action: "lambda:InvokeFunction",
        resource: functionArn,
        policy: policies.documentOf(functionArn),
      }),
  });
  opened.add(() => objects.close());
  targets.toBucket = bucketDelivery(objects, (sender, resource, policy) =>
    mayDeliver(directory, sender, { action: "s3:PutObject", resource, policy: documentOf(policy) }),
  );
  ground.resourcePolicies.set("s3", (arn) => bucketPolicy(objects, arn));
  platform.embeddedCode.source = embeddedCodeObjects(objects);
  return s3Service({ objects });
}

/** The policy of the bucket that an ARN names, or in which it names an object. */
function bucketPolicy({ buckets }: Objects, arn: string): ResourcePolicy | undefined {
  const bucket = buckets.find(/^arn:aws:s3:::([^/]+)/.exec(arn)?.[1] ?? "");
  return bucket && { account: bucket.account, document: documentOf(bucket.policy) };
}

function documentOf(policy: string | undefined): ResourcePolicy["document"] {
  const document = policy === undefined ? undefined : parsePolicyDocument(policy, "resource");
  return document === undefined || "problem" in document ? undefined : document;
}
