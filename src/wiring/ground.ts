import { randomUUID } from "node:crypto";
import type { Configuration } from "../config.ts";
import type { Logger } from "../ports/logger.ts";
import type { Store } from "../ports/store.ts";
import type { LateEventTargets } from "./event-targets.ts";
import type { LateQueueMessages } from "./late-queue-messages.ts";

/** A new identifier: 32 hexadecimal digits. */
export const newId = (): string => randomUUID().replaceAll("-", "");

/** What has been opened, in order; closed in reverse, whether starting went well or not. */
export class Opened {
  readonly #closers: (() => unknown)[] = [];

  add(close: () => unknown): void {
    this.#closers.push(close);
  }

  async close(): Promise<void> {
    for (let close = this.#closers.pop(); close !== undefined; close = this.#closers.pop()) await close();
  }
}

/** What every part works with. */
export interface Ground {
  readonly configuration: Configuration;
  readonly logger: Logger;
  readonly store: Store;
  readonly opened: Opened;
  /** Where events go on to; complete when every service is open. */
  readonly targets: LateEventTargets;
  /** Queues as event source mappings read them; connected by whoever serves queues. */
  readonly queueMessages: LateQueueMessages;
}

/** Logs what went wrong inside, with the stack. */
export function logFailure(
  logger: Logger,
  message: string,
  { error, context }: { readonly error: unknown; readonly context: object },
): void {
  const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
  logger.error(message, { ...context, error: text });
}
