import { systemClock as clock } from "../adapters/clock-system/clock-system.ts";
import { createHttpDeliveries } from "../adapters/http-deliveries/http-deliveries.ts";
import { openRemoteTopics } from "../adapters/topic-sns/topic-sns.ts";
import type { ServiceDefinition } from "../aws-api/protocol/handlers.ts";
import { createNotificationLinks } from "../aws-api/services/sns/notification-links.ts";
import { snsService } from "../aws-api/services/sns/sns-service.ts";
import { endpointOf } from "../core/service-endpoints.ts";
import { mayDeliver } from "../iam/event-permission.ts";
import { NotificationDelivery } from "../topics/notification-delivery.ts";
import { NotificationSigning } from "../topics/notification-signing.ts";
import { Publishing } from "../topics/publishing.ts";
import { parseTopicArn } from "../topics/topic-records.ts";
import { topicTarget } from "../topics/topic-target.ts";
import { Topics } from "../topics/topics.ts";
import type { EventParts } from "./event-parts.ts";
import { type Ground, logFailure, newId } from "./ground.ts";

/** SNS, as targets and as a service: embedded, at an endpoint that the configuration names, or off. */
export async function openTopics(
  ground: Ground,
  { platform }: EventParts,
): Promise<readonly ServiceDefinition[]> {
  const { configuration, store, opened, targets, logger } = ground;
  const endpoint = endpointOf(configuration.endpoints, "sns");
  if (endpoint === "off") return [];
  if (endpoint !== "embedded") {
    const remote = openRemoteTopics({ endpoint });
    opened.add(() => remote.close());
    targets.toTopic = remote.toTopic;
    return [];
  }
  const topics = await Topics.open(store.keyValue);
  const signing = new NotificationSigning({ keyValue: store.keyValue, clock });
  const failed = (error: unknown): void =>
    logFailure(logger, "a message reached no subscription", { error, context: {} });
  const delivery = await NotificationDelivery.open({
    topics,
    keyValue: store.keyValue,
    queue: store.queue,
    blobs: store.blobs,
    clock,
    targets,
    // Where access is enforced, whoever may subscribe is not to reach what listens on this host alone.
    http: createHttpDeliveries({ allowsOwnHost: configuration.authentication === "open" }),
    signing,
    newId,
    random: Math.random,
    failed,
  });
  opened.whenServing(() => delivery.start());
  opened.add(() => delivery.close());
  const publishing = new Publishing({ topics, delivery, clock });
  targets.toTopic = topicTarget({
    topics,
    publishing,
    permits: (sender, permission) => mayDeliver(platform.iam.directory, sender, permission),
    host: `localhost:${configuration.port}`,
  });
  ground.resourcePolicies.set("sns", (arn) => {
    const name = parseTopicArn(arn);
    return name && { account: name.account, document: topics.policyOf(arn) };
  });
  ground.links.push(
    createNotificationLinks({
      topics,
      signing,
      failed: (error) => logFailure(logger, "a link of SNS could not be followed", { error, context: {} }),
    }),
  );
  return [snsService({ topics, publishing, delivery })];
}
