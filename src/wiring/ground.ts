import { randomUUID } from "node:crypto";
import type { IncomingMessage, ServerResponse } from "node:http";
import type { Configuration } from "../config.ts";
import type { Revocations } from "../data-plane/revocations.ts";
import type { UnitLedger } from "../data-plane/unit-ledger.ts";
import type { ResourcePolicy } from "../iam/authorize.ts";
import type { Logger } from "../ports/logger.ts";
import type { Store } from "../ports/store.ts";
import type { LateEventTargets } from "./event-targets.ts";
import type { LateQueueMessages } from "./late-queue-messages.ts";

/** A new identifier: 32 hexadecimal digits. */
export const newId = (): string => randomUUID().replaceAll("-", "");

/** What has been opened, in order; closed in reverse, whether starting went well or not. */
export class Opened {
  readonly #closers: (() => unknown)[] = [];
  readonly #starters: (() => void)[] = [];

  add(close: () => unknown): void {
    this.#closers.push(close);
  }

  /** What sends events to others begins when all of them are open. */
  whenServing(start: () => void): void {
    this.#starters.push(start);
  }

  serving(): void {
    for (const start of this.#starters.splice(0)) start();
  }

  async close(): Promise<void> {
    for (let close = this.#closers.pop(); close !== undefined; close = this.#closers.pop()) await close();
  }
}

/** What the main process and those beside it agree on; the ledger comes when there is something to lend. */
export interface DataPlaneGround {
  readonly revocations: Revocations;
  /** Before it was shared. */
  readonly whole: Configuration;
  ledger: UnitLedger | undefined;
}

/** What every part works with. */
export interface Ground {
  /** Where other processes invoke functions, too. */
  readonly dataPlane?: DataPlaneGround | undefined;
  readonly configuration: Configuration;
  readonly logger: Logger;
  readonly store: Store;
  readonly opened: Opened;
  /** Where events go on to; complete when every service is open. */
  readonly targets: LateEventTargets;
  /** Queues as event source mappings read them; connected by whoever serves queues. */
  readonly queueMessages: LateQueueMessages;
  /** Answer requests that come without a signature on purpose; false for all others. Put here by the services. */
  readonly links: ((request: IncomingMessage, response: ServerResponse) => boolean)[];
  /** Policies of resources by the signing name of their service, put here by the service that has them. */
  readonly resourcePolicies: Map<string, (arn: string) => ResourcePolicy | undefined>;
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
