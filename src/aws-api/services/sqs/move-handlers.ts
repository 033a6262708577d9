import { missingParameter } from "../../../queues/queue-errors.ts";
import type { Queues } from "../../../queues/queues.ts";
import type { SqsHandlers } from "./sqs-handlers.ts";

/** Moving messages out of dead-letter queues. */
export function moveHandlers({ moves }: Queues): SqsHandlers {
  return {
    StartMessageMoveTask: ({ SourceArn, DestinationArn, MaxNumberOfMessagesPerSecond }) => {
      if (!SourceArn) throw missingParameter("SourceArn");
      return { TaskHandle: moves.start(SourceArn, DestinationArn, MaxNumberOfMessagesPerSecond).handle };
    },
    CancelMessageMoveTask: ({ TaskHandle = "" }) => ({
      ApproximateNumberOfMessagesMoved: moves.cancel(TaskHandle).moved,
    }),
    ListMessageMoveTasks: ({ SourceArn, MaxResults = 1 }) => {
      if (!SourceArn) throw missingParameter("SourceArn");
      return {
        Results: moves
          .list(SourceArn)
          .slice(0, MaxResults)
          .map((task) => ({
            // AWS: only a running task can be cancelled, and only it has a handle.
            TaskHandle: task.status === "RUNNING" ? task.handle : undefined,
            Status: task.status,
            SourceArn: task.sourceArn,
            DestinationArn: task.destinationArn,
            MaxNumberOfMessagesPerSecond: task.messagesPerSecond,
            ApproximateNumberOfMessagesMoved: task.moved,
            ApproximateNumberOfMessagesToMove: task.toMove,
            FailureReason: task.failureReason,
            StartedTimestamp: task.startedMs,
          })),
      };
    },
  };
}
