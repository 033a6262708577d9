import { randomUUID } from "node:crypto";
import { AwsError } from "../core/errors.ts";
import type { Clock } from "../ports/clock.ts";
import type { HeldMessage } from "./message-shelf.ts";
import type { Queue } from "./queue.ts";
import { invalidParameter, unsupportedOperation } from "./queue-errors.ts";

/** What moves need of the queues. */
interface MovableQueues {
  byArn(arn: string): Queue | undefined;
  sourcesOf(arn: string): readonly Queue[];
}

type MoveStatus = "RUNNING" | "COMPLETED" | "CANCELLING" | "CANCELLED" | "FAILED";

/** A task that moves the messages of a dead-letter queue, as ListMessageMoveTasks tells it. */
export interface MessageMove {
  readonly handle: string;
  readonly sourceArn: string;
  readonly destinationArn: string | undefined;
  readonly messagesPerSecond: number | undefined;
  readonly startedMs: number;
  readonly toMove: number;
  status: MoveStatus;
  moved: number;
  failureReason: string | undefined;
}

const MOVED_AT_ONCE = 10;
/** AWS: the ten most recent ones of a source are listed. */
const REMEMBERED = 10;
const ROUND_MS = 1_000;

/** Moves messages out of dead-letter queues. Tasks do not outlive the program; what they have moved does. */
export class MessageMoves {
  readonly #queues: MovableQueues;
  readonly #clock: Clock;
  readonly #bySource = new Map<string, MessageMove[]>();
  #isClosed = false;

  constructor({ queues, clock }: { readonly queues: MovableQueues; readonly clock: Clock }) {
    this.#queues = queues;
    this.#clock = clock;
  }

  /** Newest first. */
  list(sourceArn: string): readonly MessageMove[] {
    this.#source(sourceArn);
    return this.#bySource.get(sourceArn) ?? [];
  }

  start(
    sourceArn: string,
    destinationArn: string | undefined,
    messagesPerSecond: number | undefined,
  ): MessageMove {
    const source = this.#source(sourceArn);
    if (destinationArn !== undefined && this.#queues.byArn(destinationArn) === undefined)
      throw notFound("The resource that you specified for the DestinationArn parameter doesn't exist.");
    if (this.#queues.sourcesOf(sourceArn).length === 0)
      throw invalidParameter("Source queue must be configured as a Dead Letter Queue.");
    const tasks = this.#bySource.get(sourceArn) ?? [];
    if (tasks.some(({ status }) => status === "RUNNING"))
      throw unsupportedOperation(
        "There is already a task running. Only one active task is allowed for a source queue arn at a given time.",
      );
    const task: MessageMove = {
      handle: Buffer.from(JSON.stringify({ taskId: randomUUID(), sourceArn })).toString("base64"),
      sourceArn,
      destinationArn,
      messagesPerSecond,
      startedMs: this.#clock.nowMs(),
      toMove: source.counts().visible,
      status: "RUNNING",
      moved: 0,
      failureReason: undefined,
    };
    this.#bySource.set(sourceArn, [task, ...tasks].slice(0, REMEMBERED));
    void this.#run(task, source);
    return task;
  }

  cancel(handle: string): MessageMove {
    const task = [...this.#bySource.values()].flat().find((each) => each.handle === handle);
    if (task === undefined) throw notFound("Task does not exist.");
    if (task.status !== "RUNNING") throw unsupportedOperation("Only active tasks can be cancelled.");
    task.status = "CANCELLING";
    return task;
  }

  close(): void {
    this.#isClosed = true;
  }

  #source(arn: string): Queue {
    const queue = this.#queues.byArn(arn);
    if (queue === undefined)
      throw notFound("The resource that you specified for the SourceArn parameter doesn't exist.");
    return queue;
  }

  async #run(task: MessageMove, source: Queue): Promise<void> {
    const never = new AbortController().signal;
    try {
      while (task.status === "RUNNING" && !this.#isClosed) {
        const max = Math.min(MOVED_AT_ONCE, task.messagesPerSecond ?? MOVED_AT_ONCE);
        const some = await source.receive({
          max,
          waitMs: 0,
          visibilityMs: source.visibilityMs,
          signal: never,
          endsWithProcess: true,
        });
        if (some.length === 0) break;
        await Promise.all(some.map((held) => this.#move(held, task)));
        await source.remove(some);
        task.moved += some.length;
        if (task.messagesPerSecond !== undefined)
          await this.#pause((ROUND_MS * max) / task.messagesPerSecond);
      }
      task.status = task.status === "CANCELLING" ? "CANCELLED" : "COMPLETED";
    } catch (error) {
      task.status = "FAILED";
      task.failureReason = error instanceof AwsError ? error.code : "InternalError";
    }
  }

  async #move({ message }: HeldMessage, { destinationArn }: MessageMove): Promise<void> {
    const arn = destinationArn ?? message.deadLetterSourceArn;
    const target = arn === undefined ? undefined : this.#queues.byArn(arn);
    if (target === undefined) throw notFound("CouldNotDetermineMessageSource");
    await target.send({
      ...message,
      delayMs: 0,
      // AWS: a moved message is a new one to the destination's deduplication.
      deduplicationId: target.isFifo ? randomUUID() : undefined,
      deadLetterSourceArn: undefined,
      moved: { messageId: message.messageId, sentMs: this.#clock.nowMs() },
    });
  }

  #pause(ms: number): Promise<void> {
    return new Promise((resolve) => void this.#clock.after(ms, resolve));
  }
}

const notFound = (message: string): AwsError => new AwsError("ResourceNotFoundException", message, 404);
