import type * as s3 from "@aws-sdk/client-s3";
import { AwsError } from "../../../core/errors.ts";
import { bucketArn } from "../../../objects/bucket.ts";
import { invalidArgument, notImplemented } from "../../../objects/object-errors.ts";
import type { Handlers } from "../../protocol/handlers.ts";
import { tagsOf } from "./object-description.ts";
import { ownAcl } from "./object-writing-handlers.ts";
import { bucketOf, ownerOf, type S3Parts } from "./request-access.ts";
import { refuseUnsupported } from "./unsupported.ts";

/** The region whose buckets have no location constraint. */
const UNNAMED_REGION = "us-east-1";
const BUCKETS_MAX = 10_000;
const BUCKET_TAGS_MAX = 50;

/** Buckets as such. */
export function bucketHandlers(parts: S3Parts) {
  return { ...ownBucketHandlers(parts), ...foundBucketHandlers(parts), ...bucketTagHandlers(parts) };
}

/** Making and removing them. */
function ownBucketHandlers(parts: S3Parts) {
  const { buckets } = parts.objects;
  return {
    async CreateBucket(input, context) {
      refuseUnsupported(input);
      const { CreateBucketConfiguration: configuration = {}, ObjectOwnership: ownership } = input;
      if (ownership !== undefined && ownership !== "BucketOwnerEnforced")
        throw notImplemented(`ObjectOwnership ${ownership}`);
      if (configuration.Bucket !== undefined || configuration.Location !== undefined)
        throw notImplemented("A directory bucket");
      const name = input.Bucket ?? "";
      const region = bucketRegion(configuration.LocationConstraint, context.region);
      const existing = buckets.find(name);
      // AWS: in us-east-1 the owner may create a bucket again.
      if (existing?.account === context.account && region === UNNAMED_REGION && existing.region === region)
        return { Location: `/${name}` };
      await buckets.create({
        name,
        account: context.account,
        region,
        tags: tagsOf({ TagSet: configuration.Tags }, BUCKET_TAGS_MAX),
      });
      return { Location: `/${name}`, BucketArn: bucketArn(name) };
    },
    async DeleteBucket(input, context) {
      await buckets.delete(bucketOf(parts, input, context));
      return {};
    },
  } satisfies Handlers<typeof s3>;
}

/** Finding them. */
function foundBucketHandlers(parts: S3Parts) {
  const { buckets } = parts.objects;
  return {
    HeadBucket(input, context) {
      const { name, region } = bucketOf(parts, input, context);
      return { BucketRegion: region, AccessPointAlias: false, BucketArn: bucketArn(name) };
    },
    GetBucketLocation(input, context) {
      const { region } = bucketOf(parts, input, context);
      return region === UNNAMED_REGION ? {} : { LocationConstraint: region as s3.BucketLocationConstraint };
    },
    ListBuckets(input, context) {
      const { Prefix: prefix = "", MaxBuckets: max = BUCKETS_MAX, BucketRegion: region } = input;
      if (!(max >= 1 && max <= BUCKETS_MAX))
        throw invalidArgument("Argument max-buckets must be an integer between 1 and 10000", "max-buckets");
      const after = Buffer.from(input.ContinuationToken ?? "", "base64").toString();
      const all = buckets
        .listOf(context.account)
        .filter(
          (bucket) =>
            bucket.name.startsWith(prefix) &&
            bucket.name > after &&
            (region === undefined || bucket.region === region),
        );
      const shown = all.slice(0, max);
      const last = shown.at(-1)?.name;
      return {
        Buckets: shown.map((bucket) => ({
          Name: bucket.name,
          CreationDate: new Date(bucket.createdMs),
          BucketArn: bucketArn(bucket.name),
          // AWS: the region is shown to those who list page by page.
          ...(input.MaxBuckets !== undefined && { BucketRegion: bucket.region }),
        })),
        Owner: ownerOf(context.account),
        ...(prefix !== "" && { Prefix: prefix }),
        ...(all.length > shown.length &&
          last !== undefined && { ContinuationToken: Buffer.from(last).toString("base64") }),
      };
    },
    GetBucketAcl(input, context) {
      return ownAcl(bucketOf(parts, input, context).account);
    },
  } satisfies Handlers<typeof s3>;
}

/** Their tags. */
function bucketTagHandlers(parts: S3Parts) {
  const { buckets } = parts.objects;
  return {
    GetBucketTagging(input, context) {
      const { tags, name } = bucketOf(parts, input, context);
      if (tags.length === 0)
        throw new AwsError("NoSuchTagSet", "The TagSet does not exist", 404, { BucketName: name });
      return { TagSet: tags.map(({ key, value }) => ({ Key: key, Value: value })) };
    },
    async PutBucketTagging(input, context) {
      const { name } = bucketOf(parts, input, context);
      await buckets.change(name, { tags: tagsOf(input.Tagging, BUCKET_TAGS_MAX) });
      return {};
    },
    async DeleteBucketTagging(input, context) {
      await buckets.change(bucketOf(parts, input, context).name, { tags: [] });
      return {};
    },
  } satisfies Handlers<typeof s3>;
}

function bucketRegion(constraint: string | undefined, region: string): string {
  if (constraint === undefined) {
    if (region === UNNAMED_REGION) return region;
    throw illegalLocation(
      "The unspecified location constraint is incompatible for the region specific endpoint this request was sent to.",
    );
  }
  const named = constraint === "EU" ? "eu-west-1" : constraint;
  if (named === UNNAMED_REGION || !/^[a-z]{2}(-[a-z]+)+-\d$/.test(named))
    throw new AwsError("InvalidLocationConstraint", "The specified location-constraint is not valid", 400, {
      LocationConstraint: constraint,
    });
  if (named !== region && region !== UNNAMED_REGION)
    throw illegalLocation(
      `The ${named} location constraint is incompatible for the region specific endpoint this request was sent to.`,
    );
  return named;
}

const illegalLocation = (message: string): AwsError =>
  new AwsError("IllegalLocationConstraintException", message, 400);
