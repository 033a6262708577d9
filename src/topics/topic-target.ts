import { AwsError } from "../core/errors.ts";
import type { PolicyDocument } from "../core/policy-document.ts";
import { DeliveryRefused, type EventSender, type EventTargets } from "../ports/event-targets.ts";
import type { Publishing } from "./publishing.ts";
import type { Topics } from "./topics.ts";

/** Takes what services publish to topics, as far as the topic's policy or the sender's role lets them. */
export function topicTarget(dependencies: {
  readonly topics: Topics;
  readonly publishing: Publishing;
  readonly permits: (
    sender: EventSender,
    permission: { action: string; resource: string; policy: PolicyDocument | undefined },
  ) => boolean;
  /** How clients reach this server. */
  readonly host: string;
}): EventTargets["toTopic"] {
  const { topics, publishing, permits, host } = dependencies;
  return async (arn, delivery, sender) => {
    if (topics.find(arn) === undefined) throw new DeliveryRefused("NotFound", "Topic does not exist");
    const action = "sns:Publish";
    if (!permits(sender, { action, resource: arn, policy: topics.policyOf(arn) }))
      throw new DeliveryRefused(
        "AuthorizationError",
        `${sender.roleArn ?? sender.servicePrincipal} is not authorized to perform: ${action} on resource: ${arn}`,
      );
    try {
      await publishing.publish(arn, { ...delivery, attributes: delivery.attributes ?? {} }, host);
    } catch (error) {
      throw error instanceof AwsError && error.fault === "caller"
        ? new DeliveryRefused(error.code, error.message)
        : error;
    }
  };
}
