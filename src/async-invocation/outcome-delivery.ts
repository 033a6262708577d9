import type { FunctionVersion } from "../core/function-version.ts";
import type { Clock } from "../ports/clock.ts";
import {
  DeliveryRefused,
  type EventSender,
  type EventTargets,
  type MessageAttribute,
} from "../ports/event-targets.ts";
import type { EventMetrics } from "../ports/function-metrics.ts";
import { type Outcome, objectKeyOf, outcomeRecord } from "./outcome-record.ts";

/** How often a target that cannot take a record now is tried again, and after what time. */
const DELAYS_MS = [1_000, 5_000] as const;

export interface OutcomeDeliveryDependencies {
  readonly targets: EventTargets;
  readonly metrics: EventMetrics;
  readonly clock: Clock;
  readonly newUuid: () => string;
  /** In whose name a function's events are handed on. */
  readonly senderFor: (version: FunctionVersion, functionArn: string) => EventSender;
  /** Told of every record that reached nobody. */
  readonly failed: (error: unknown, context: object) => void;
}

/** An outcome and what the records of it need beside. */
export interface EndedEvent {
  readonly outcome: Outcome;
  readonly version: FunctionVersion;
  readonly invokedFunctionArn: string;
  /** As the function saw it. */
  readonly traceHeader: string | undefined;
}

export interface DeadLetter {
  /** HTTP status of the last attempt. */
  readonly errorCode: number;
  readonly errorMessage: string;
}

/** Brings the outcome of events to destinations and dead-letter queues. Never rejects. */
export class OutcomeDelivery {
  readonly #dependencies: OutcomeDeliveryDependencies;

  constructor(dependencies: OutcomeDeliveryDependencies) {
    this.#dependencies = dependencies;
  }

  /** The record of an event to its destination. */
  async toDestination(arn: string, ended: EndedEvent): Promise<void> {
    const { metrics, failed } = this.#dependencies;
    try {
      await this.#trying(() => this.#send(arn, ended));
    } catch (error) {
      metrics.add(ended.invokedFunctionArn, "DestinationDeliveryFailures", 1);
      failed(error, { functionArn: ended.invokedFunctionArn, destination: arn });
    }
  }

  /** The event itself to its dead-letter queue. */
  async toDeadLetters(arn: string, ended: EndedEvent, letter: DeadLetter): Promise<void> {
    const { metrics, failed, targets } = this.#dependencies;
    const { outcome, traceHeader } = ended;
    const body = Buffer.from(outcome.requestPayload).toString();
    const attributes: Record<string, MessageAttribute> = {
      RequestID: { type: "String", stringValue: outcome.requestId },
      ErrorCode: { type: "Number", stringValue: String(letter.errorCode) },
      // An attribute without a value is none: SQS refuses it.
      ...(letter.errorMessage !== "" && {
        ErrorMessage: { type: "String", stringValue: letter.errorMessage },
      }),
    };
    const sender = this.#sender(ended);
    try {
      await this.#trying(() =>
        serviceOf(arn) === "sns"
          ? targets.toTopic(arn, { message: body, attributes }, sender)
          : targets.toQueue(arn, { body, attributes, traceHeader }, sender),
      );
    } catch (error) {
      metrics.add(ended.invokedFunctionArn, "DeadLetterErrors", 1);
      failed(error, { functionArn: ended.invokedFunctionArn, deadLetterTarget: arn });
    }
  }

  #send(arn: string, ended: EndedEvent): Promise<void> {
    const { targets, clock, newUuid } = this.#dependencies;
    const { outcome, traceHeader, version } = ended;
    const nowMs = clock.nowMs();
    const record = outcomeRecord(outcome, nowMs);
    const sender = this.#sender(ended);
    switch (serviceOf(arn)) {
      case "sqs":
        return targets.toQueue(arn, { body: record, traceHeader }, sender);
      case "sns":
        return targets.toTopic(arn, { message: record }, sender);
      case "lambda":
        return targets.toFunction(arn, { payload: Buffer.from(record), traceHeader }, sender);
      case "s3": {
        const key = objectKeyOf(version.functionName, nowMs, newUuid());
        return targets.toBucket(arn, { key, body: Buffer.from(record) }, sender);
      }
      default: {
        const how = outcome.condition === "Success" ? "Success" : "Failure";
        const delivery = {
          source: "lambda",
          detailType: `Lambda Function Invocation Result - ${how}`,
          detail: record,
          resources: [arn, outcome.functionArn],
          timeMs: nowMs,
        };
        return targets.toBus(arn, delivery, sender);
      }
    }
  }

  #sender({ version, invokedFunctionArn }: EndedEvent): EventSender {
    return this.#dependencies.senderFor(version, invokedFunctionArn);
  }

  async #trying(send: () => Promise<void>): Promise<void> {
    for (const delayMs of DELAYS_MS) {
      try {
        await send();
        return;
      } catch (error) {
        if (error instanceof DeliveryRefused) throw error;
        await new Promise<void>((resolve) => this.#dependencies.clock.after(delayMs, resolve));
      }
    }
    await send();
  }
}

const serviceOf = (arn: string): string => arn.split(":")[2] ?? "";
