import type * as s3 from "@aws-sdk/client-s3";
import { AwsError } from "../../../core/errors.ts";
import { parsePolicyDocument } from "../../../core/policy-document.ts";
import type { CorsRule } from "../../../objects/bucket.ts";
import { checkCorsRules } from "../../../objects/cors.ts";
import type { DestinationKind, NotificationRule } from "../../../objects/notification-configuration.ts";
import { invalidArgument, malformedXml, notImplemented } from "../../../objects/object-errors.ts";
import type { Handlers } from "../../protocol/handlers.ts";
import { bucketOf, requestInfo, type S3Parts } from "./request-access.ts";
import { refuseUnsupported } from "./unsupported.ts";

const POLICY_BYTES_MAX = 20 * 1024;

/** What a bucket is set to: versioning, CORS, policy and notifications. */
export function bucketSettingsHandlers(parts: S3Parts) {
  return {
    ...versioningHandlers(parts),
    ...corsHandlers(parts),
    ...policyHandlers(parts),
    ...notificationHandlers(parts),
  };
}

/** Whether a bucket keeps the versions of its objects. */
function versioningHandlers(parts: S3Parts) {
  const { buckets } = parts.objects;
  return {
    GetBucketVersioning(input, context) {
      const { versioning } = bucketOf(parts, input, context);
      return versioning === undefined ? {} : { Status: versioning };
    },
    async PutBucketVersioning(input, context) {
      refuseUnsupported(input);
      const { name } = bucketOf(parts, input, context);
      const { Status: status, MFADelete: mfa } = input.VersioningConfiguration ?? {};
      if (mfa === "Enabled") throw notImplemented("MFADelete");
      if (status !== "Enabled" && status !== "Suspended")
        throw new AwsError(
          "IllegalVersioningConfigurationException",
          "The Versioning element must be specified",
          400,
        );
      await buckets.change(name, { versioning: status });
      return {};
    },
  } satisfies Handlers<typeof s3>;
}

/** Which pages of other origins may use a bucket. */
function corsHandlers(parts: S3Parts) {
  const { buckets } = parts.objects;
  return {
    GetBucketCors(input, context) {
      const { cors, name } = bucketOf(parts, input, context);
      if (cors.length === 0)
        throw new AwsError("NoSuchCORSConfiguration", "The CORS configuration does not exist", 404, {
          BucketName: name,
        });
      return {
        CORSRules: cors.map((rule) => ({
          ID: rule.id,
          AllowedOrigins: [...rule.allowedOrigins],
          AllowedMethods: [...rule.allowedMethods],
          ...(rule.allowedHeaders.length > 0 && { AllowedHeaders: [...rule.allowedHeaders] }),
          ...(rule.exposeHeaders.length > 0 && { ExposeHeaders: [...rule.exposeHeaders] }),
          MaxAgeSeconds: rule.maxAgeSeconds,
        })),
      };
    },
    async PutBucketCors(input, context) {
      const { name } = bucketOf(parts, input, context);
      const cors: CorsRule[] = (input.CORSConfiguration?.CORSRules ?? []).map((rule) => ({
        id: rule.ID,
        allowedOrigins: rule.AllowedOrigins ?? [],
        allowedMethods: rule.AllowedMethods ?? [],
        allowedHeaders: rule.AllowedHeaders ?? [],
        exposeHeaders: rule.ExposeHeaders ?? [],
        maxAgeSeconds: rule.MaxAgeSeconds,
      }));
      checkCorsRules(cors);
      await buckets.change(name, { cors });
      return {};
    },
    async DeleteBucketCors(input, context) {
      await buckets.change(bucketOf(parts, input, context).name, { cors: [] });
      return {};
    },
  } satisfies Handlers<typeof s3>;
}

/** Who may use a bucket. */
function policyHandlers(parts: S3Parts) {
  const { buckets } = parts.objects;
  return {
    GetBucketPolicy(input, context) {
      const { policy, name } = bucketOf(parts, input, context);
      if (policy === undefined)
        throw new AwsError("NoSuchBucketPolicy", "The bucket policy does not exist", 404, {
          BucketName: name,
        });
      context.responseHeaders["content-type"] = "application/json";
      return { Policy: policy };
    },
    async PutBucketPolicy(input, context) {
      const { name } = bucketOf(parts, input, context);
      const policy = input.Policy ?? "";
      checkPolicy(policy, name);
      await buckets.change(name, { policy });
      return {};
    },
    async DeleteBucketPolicy(input, context) {
      await buckets.change(bucketOf(parts, input, context).name, { policy: undefined });
      return {};
    },
  } satisfies Handlers<typeof s3>;
}

/** Who is told what happens in a bucket. */
function notificationHandlers(parts: S3Parts) {
  const { buckets, notifications } = parts.objects;
  return {
    GetBucketNotificationConfiguration(input, context) {
      const { rules, toEventBridge } = bucketOf(parts, input, context).notification;
      const of = (kind: DestinationKind) => rules.filter((rule) => rule.kind === kind);
      return {
        LambdaFunctionConfigurations: of("function").map((rule) => ({
          ...ruleMembers(rule),
          LambdaFunctionArn: rule.arn,
        })),
        QueueConfigurations: of("queue").map((rule) => ({ ...ruleMembers(rule), QueueArn: rule.arn })),
        TopicConfigurations: of("topic").map((rule) => ({ ...ruleMembers(rule), TopicArn: rule.arn })),
        ...(toEventBridge && { EventBridgeConfiguration: {} }),
      };
    },
    async PutBucketNotificationConfiguration(input, context) {
      const bucket = bucketOf(parts, input, context);
      const configuration = input.NotificationConfiguration;
      if (configuration === undefined) throw malformedXml();
      const {
        LambdaFunctionConfigurations: functions = [],
        QueueConfigurations: queues = [],
        TopicConfigurations: topics = [],
      } = configuration;
      const newId = (): string =>
        Buffer.from(crypto.getRandomValues(new Uint8Array(16))).toString("base64url");
      const rule = (kind: DestinationKind, arn: string | undefined, given: GivenRule): NotificationRule => ({
        id: given.Id ?? newId(),
        kind,
        arn: arn ?? "",
        events: given.Events ?? [],
        ...filterOf(given),
      });
      const notification = {
        rules: [
          ...functions.map((each) => rule("function", each.LambdaFunctionArn, each)),
          ...queues.map((each) => rule("queue", each.QueueArn, each)),
          ...topics.map((each) => rule("topic", each.TopicArn, each)),
        ],
        toEventBridge: configuration.EventBridgeConfiguration !== undefined,
      };
      await notifications.validate(bucket, notification, {
        skipsDestinations: input.SkipDestinationValidation === true,
        request: requestInfo(context),
      });
      await buckets.change(bucket.name, { notification });
      return {};
    },
  } satisfies Handlers<typeof s3>;
}

interface GivenRule {
  readonly Id?: string | undefined;
  readonly Events?: s3.Event[] | undefined;
  readonly Filter?: s3.NotificationConfigurationFilter | undefined;
}

function filterOf({ Filter: filter }: GivenRule): { prefix: string; suffix: string } {
  const found = { prefix: "", suffix: "" };
  const seen = new Set<string>();
  for (const { Name, Value } of filter?.Key?.FilterRules ?? []) {
    const name = String(Name).toLowerCase();
    if (name !== "prefix" && name !== "suffix")
      throw invalidArgument(
        "filter rule name must be either prefix or suffix",
        "FilterRule.Name",
        String(Name),
      );
    if (seen.has(name)) throw invalidArgument(`Cannot specify more than one ${name} rule in a filter.`);
    seen.add(name);
    found[name] = Value ?? "";
  }
  return found;
}

function ruleMembers({ id, events, prefix, suffix }: NotificationRule) {
  const rules: s3.FilterRule[] = [];
  if (prefix !== "") rules.push({ Name: "Prefix" as s3.FilterRuleName, Value: prefix });
  if (suffix !== "") rules.push({ Name: "Suffix" as s3.FilterRuleName, Value: suffix });
  return {
    Id: id,
    Events: [...events] as s3.Event[],
    ...(rules.length > 0 && { Filter: { Key: { FilterRules: rules } } }),
  };
}

const malformedPolicy = (message: string): AwsError => new AwsError("MalformedPolicy", message, 400);

/** Throws MalformedPolicy for what is no policy of this bucket. */
function checkPolicy(text: string, bucket: string): void {
  if (Buffer.byteLength(text) > POLICY_BYTES_MAX)
    throw malformedPolicy("Policies must be 20,480 bytes or less");
  const policy = parsePolicyDocument(text, "resource");
  if ("problem" in policy) throw malformedPolicy(policy.problem);
  for (const { resources, notResources, actions, notActions } of policy.statements) {
    const named = resources ?? notResources;
    if (named === undefined || named.length === 0) throw malformedPolicy("Missing required field Resource");
    for (const resource of named)
      if (!new RegExp(`^arn:aws:s3:::(\\*|${bucket.replaceAll(".", "\\.")})($|/|\\*)`).test(resource))
        throw malformedPolicy("Policy has invalid resource");
    for (const action of actions ?? notActions ?? [])
      if (action !== "*" && !action.toLowerCase().startsWith("s3:"))
        throw malformedPolicy("Policy has invalid action");
  }
}
