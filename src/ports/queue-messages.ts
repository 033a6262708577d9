import type { MessageAttribute } from "./event-targets.ts";

/** A received message, with the names that SQS gives its parts. */
export interface QueueMessage {
  readonly messageId: string;
  readonly receiptHandle: string;
  readonly body: string;
  readonly md5OfBody: string;
  readonly md5OfAttributes?: string | undefined;
  /** System attributes as SQS writes them: ApproximateReceiveCount, SentTimestamp, SenderId, MessageGroupId … */
  readonly systemAttributes: Readonly<Record<string, string>>;
  readonly attributes: Readonly<Record<string, MessageAttribute>>;
}

export interface QueueDescription {
  readonly isFifo: boolean;
  readonly visibilityTimeoutSeconds: number;
}

/**
 * A queue as an event source mapping reads it: one of Lambent's own, or one at another SQS endpoint. In whose name it is
 * read is settled when the mapping is made. Rejects when the queue is gone or not allowed; the caller backs off.
 */
export interface QueueMessages {
  /** undefined: there is no such queue. */
  describe(queueArn: string): Promise<QueueDescription | undefined>;
  /** Up to ten messages; waits up to `waitMs` for the first, or until the signal. */
  receive(
    queueArn: string,
    options: { readonly max: number; readonly waitMs: number; readonly signal: AbortSignal },
  ): Promise<readonly QueueMessage[]>;
  /** Unknown handles are fine. */
  delete(queueArn: string, receiptHandles: readonly string[]): Promise<void>;
  /** 0 gives a message back at once. */
  changeVisibility(
    queueArn: string,
    receiptHandles: readonly string[],
    visibilityTimeoutSeconds: number,
  ): Promise<void>;
}
