import * as s3 from "@aws-sdk/client-s3";
import { corsHeaders } from "../../../objects/cors.ts";
import type { Objects } from "../../../objects/objects.ts";
import {
  type ClaimedRequest,
  defineService,
  type PreflightAnswer,
  type ServiceDefinition,
} from "../../protocol/handlers.ts";
import { s3AddressOf } from "../../protocol/s3-address.ts";
import { bucketHandlers } from "./bucket-handlers.ts";
import { bucketSettingsHandlers } from "./bucket-settings-handlers.ts";
import { listingHandlers } from "./listing-handlers.ts";
import { multipartHandlers } from "./multipart-handlers.ts";
import { objectReadingHandlers } from "./object-reading-handlers.ts";
import { objectWritingHandlers } from "./object-writing-handlers.ts";
import type { S3Parts } from "./request-access.ts";

/** Amazon S3: buckets and objects. */
export function s3Service(parts: S3Parts): ServiceDefinition {
  const { objects } = parts;
  return defineService({
    signingName: "s3",
    client: new s3.S3Client({ region: "us-east-1" }),
    module: s3,
    handlers: s3Handlers(parts),
    claims: (request) => isForBuckets(objects, request),
    preflight: (request) => (isForBuckets(objects, request) ? preflightAnswer(objects, request) : undefined),
  });
}

/** The behaviour of the service, apart from its wiring. */
function s3Handlers(parts: S3Parts) {
  return {
    ...bucketHandlers(parts),
    ...bucketSettingsHandlers(parts),
    ...listingHandlers(parts),
    ...objectReadingHandlers(parts),
    ...objectWritingHandlers(parts),
    ...multipartHandlers(parts),
  };
}

/** A request that nobody signed is S3's when its host says so, or when there is the bucket. */
function isForBuckets({ buckets }: Objects, { headers, path }: ClaimedRequest): boolean {
  const { bucket, isS3Host } = s3AddressOf(headers, path);
  return isS3Host || (bucket !== undefined && buckets.find(bucket) !== undefined);
}

const forbidden = (message: string): PreflightAnswer => ({
  status: 403,
  headers: {},
  body: `<?xml version="1.0" encoding="UTF-8"?><Error><Code>AccessForbidden</Code><Message>${message}</Message></Error>`,
});

function preflightAnswer({ buckets }: Objects, { headers, path }: ClaimedRequest): PreflightAnswer {
  const { origin, "access-control-request-method": method } = headers;
  const { bucket: name } = s3AddressOf(headers, path);
  const bucket = name === undefined ? undefined : buckets.find(name);
  if (origin === undefined || method === undefined)
    return {
      ...forbidden("Insufficient information. Origin request header needed."),
      status: 400,
    };
  if (bucket === undefined || bucket.cors.length === 0)
    return forbidden("CORSResponse: CORS is not enabled for this bucket.");
  const asked = (headers["access-control-request-headers"] ?? "")
    .split(",")
    .map((header) => header.trim().toLowerCase())
    .filter((header) => header !== "");
  const answer = corsHeaders(bucket.cors, { origin, method, headers: asked });
  return Object.keys(answer).length > 0
    ? { status: 200, headers: answer, body: "" }
    : forbidden("CORSResponse: This CORS request is not allowed.");
}
