import type { QueueMessages } from "../ports/queue-messages.ts";

/** Queues for those who are opened before them; until they are `connected`, and where they are off, there are none. */
export class LateQueueMessages implements QueueMessages {
  #queues: QueueMessages | undefined;

  connect(queues: QueueMessages): void {
    this.#queues = queues;
  }

  async describe(queueArn: string): ReturnType<QueueMessages["describe"]> {
    return this.#queues?.describe(queueArn);
  }

  receive(...asked: Parameters<QueueMessages["receive"]>): ReturnType<QueueMessages["receive"]> {
    return this.#connected().receive(...asked);
  }

  delete(...asked: Parameters<QueueMessages["delete"]>): Promise<void> {
    return this.#connected().delete(...asked);
  }

  changeVisibility(...asked: Parameters<QueueMessages["changeVisibility"]>): Promise<void> {
    return this.#connected().changeVisibility(...asked);
  }

  #connected(): QueueMessages {
    if (this.#queues === undefined) throw new Error("no queues are served here");
    return this.#queues;
  }
}
