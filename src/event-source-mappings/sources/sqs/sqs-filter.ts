import type { QueueMessage } from "../../../ports/queue-messages.ts";

export function sqsFilter(
  _patterns: readonly string[],
): (message: QueueMessage, context: { readonly queueArn: string; readonly isFifo: boolean }) => boolean {
  return () => true;
}
