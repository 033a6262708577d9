import * as sqsModule from "@aws-sdk/client-sqs";
import type { Queues } from "../../../queues/queues.ts";
import { defineService, type ServiceDefinition } from "../../protocol/handlers.ts";
import { messageHandlers } from "./message-handlers.ts";
import { moveHandlers } from "./move-handlers.ts";
import { policyHandlers } from "./policy-handlers.ts";
import { queueHandlers } from "./queue-handlers.ts";
import { receiveHandlers } from "./receive-handlers.ts";

/** Amazon SQS, in its JSON and its query protocol. */
export function sqsService({ queues }: { readonly queues: Queues }): ServiceDefinition {
  return defineService({
    signingName: "sqs",
    client: new sqsModule.SQSClient({ region: "us-east-1" }),
    module: sqsModule,
    handlers: {
      ...queueHandlers(queues),
      ...policyHandlers(queues),
      ...messageHandlers(queues),
      ...receiveHandlers(queues),
      ...moveHandlers(queues),
    },
  });
}
