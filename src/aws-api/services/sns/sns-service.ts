import * as snsModule from "@aws-sdk/client-sns";
import { defineService, type Handlers, type ServiceDefinition } from "../../protocol/handlers.ts";
import { publishHandlers } from "./publish-handlers.ts";
import type { SnsDependencies } from "./sns-handlers.ts";
import { subscriptionHandlers } from "./subscription-handlers.ts";
import { topicHandlers } from "./topic-handlers.ts";

/** Amazon SNS. */
export function snsService(dependencies: SnsDependencies): ServiceDefinition {
  const handlers: Handlers<typeof snsModule> = {
    ...topicHandlers(dependencies.topics),
    ...subscriptionHandlers(dependencies),
    ...publishHandlers(dependencies.publishing),
  };
  return defineService({
    signingName: "sns",
    client: new snsModule.SNSClient({ region: "us-east-1" }),
    module: snsModule,
    handlers,
  });
}
