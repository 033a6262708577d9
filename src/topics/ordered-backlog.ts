import { createHash } from "node:crypto";
import type { Clock } from "../ports/clock.ts";
import { DeliveryRefused } from "../ports/event-targets.ts";
import type { KeyValueStore } from "../ports/store.ts";
import { decodeNotification, encodeNotification, type Notification } from "./notification.ts";

const PREFIX = "topics/backlog/";
/** AWS: queues are tried with pauses of up to 20 seconds, for 23 days. */
const RETRY_MS = [1_000, 1_000, 2_000, 4_000, 8_000, 16_000, 20_000] as const;
const GIVE_UP_MS = 23 * 86_400_000;

export interface OrderedBacklogDependencies {
  readonly keyValue: KeyValueStore;
  readonly clock: Clock;
  /** `DeliveryRefused`: for good; any other rejection: again later. */
  readonly deliver: (subscriptionArn: string, notification: Notification) => Promise<void>;
  /** Tells the dead-letter queue, where there is one. */
  readonly giveUp: (
    subscriptionArn: string,
    notification: Notification,
    failure: { readonly code: string; readonly message: string },
  ) => Promise<void>;
  readonly failed: (error: unknown) => void;
}

/** What waits for one subscription in one group. */
interface Line {
  readonly subscriptionArn: string;
  /** Where the messages are, in their order. */
  readonly keys: string[];
  attempts: number;
  isBusy: boolean;
  cancelRetry: (() => void) | undefined;
}

/**
 * Messages of FIFO topics that a queue could not take: they come later, those of a group in their order, and later ones of
 * the group queue up behind them. On disk; only keys are in memory.
 */
export class OrderedBacklog {
  readonly #dependencies: OrderedBacklogDependencies;
  readonly #lines = new Map<string, Line>();
  #state: "loaded" | "serving" | "closed" = "loaded";

  constructor(dependencies: OrderedBacklogDependencies) {
    this.#dependencies = dependencies;
  }

  /** Takes up what an earlier process has left; delivers nothing before `start`. */
  async load(): Promise<void> {
    for (const { key } of await this.#dependencies.keyValue.list(PREFIX)) this.#line(key).keys.push(key);
  }

  start(): void {
    this.#state = "serving";
    for (const [name, line] of this.#lines) this.#work(name, line);
  }

  close(): void {
    this.#state = "closed";
    for (const line of this.#lines.values()) line.cancelRetry?.();
  }

  /** Whether something waits that must come before any other message of the group. */
  holds(subscriptionArn: string, { groupId }: Notification): boolean {
    return this.#lines.has(lineName(subscriptionArn, groupId));
  }

  /** Resolves when it is on disk. To be called in the order of the messages. */
  async add(subscriptionArn: string, notification: Notification): Promise<void> {
    const key = `${lineName(subscriptionArn, notification.groupId)}/${notification.sequenceNumber}`;
    await this.#dependencies.keyValue.put(key, encodeNotification(notification));
    const line = this.#line(key);
    line.keys.push(key);
    // The first one has been tried just now.
    if (line.keys.length === 1) this.#again(lineOf(key), line);
    else this.#work(lineOf(key), line);
  }

  #line(key: string): Line {
    const name = lineOf(key);
    let line = this.#lines.get(name);
    if (line === undefined) {
      const subscriptionArn = name.slice(PREFIX.length, name.lastIndexOf("/"));
      line = { subscriptionArn, keys: [], attempts: 0, isBusy: false, cancelRetry: undefined };
      this.#lines.set(name, line);
    }
    return line;
  }

  #work(name: string, line: Line): void {
    if (this.#state !== "serving" || line.isBusy || line.cancelRetry !== undefined) return;
    line.isBusy = true;
    this.#deliverFirst(line).then(
      (isSettled) => {
        line.isBusy = false;
        if (!isSettled) this.#again(name, line);
        else if (line.keys.length > 0) this.#work(name, line);
        else this.#lines.delete(name);
      },
      (error: unknown) => {
        line.isBusy = false;
        this.#dependencies.failed(error);
        this.#again(name, line);
      },
    );
  }

  #again(name: string, line: Line): void {
    if (this.#state === "closed") return;
    const delayMs = RETRY_MS[line.attempts++] ?? RETRY_MS.at(-1) ?? 0;
    line.cancelRetry = this.#dependencies.clock.after(delayMs, () => {
      line.cancelRetry = undefined;
      this.#work(name, line);
    });
  }

  /** Resolves with whether the first message is through: taken, or given up. */
  async #deliverFirst(line: Line): Promise<boolean> {
    const { keyValue, deliver, giveUp, clock } = this.#dependencies;
    const [key = ""] = line.keys;
    const entry = await keyValue.get(key);
    if (entry !== undefined) {
      const notification = decodeNotification(entry.value);
      try {
        await deliver(line.subscriptionArn, notification);
      } catch (error) {
        const isRefused = error instanceof DeliveryRefused;
        if (!isRefused && clock.nowMs() - notification.timestampMs < GIVE_UP_MS) return false;
        const code = isRefused ? error.code : "INTERNAL_ERROR";
        await giveUp(line.subscriptionArn, notification, { code, message: String(error) }).catch(
          (failure) => {
            if (!(failure instanceof DeliveryRefused)) throw failure;
            this.#dependencies.failed(failure);
          },
        );
      }
      await keyValue.delete(key);
    }
    line.keys.shift();
    line.attempts = 0;
    return true;
  }
}

/** A group's name may be longer than a part of a key. */
function lineName(subscriptionArn: string, groupId = ""): string {
  return `${PREFIX}${subscriptionArn}/${createHash("sha256").update(groupId).digest("hex").slice(0, 32)}`;
}

const lineOf = (key: string): string => key.slice(0, key.lastIndexOf("/"));
