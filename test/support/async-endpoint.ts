import assert from "node:assert/strict";
import { after, before, beforeEach } from "node:test";
import { setImmediate as turn } from "node:timers/promises";
import {
  InvokeCommand,
  type InvokeCommandInput,
  PutFunctionEventInvokeConfigCommand,
} from "@aws-sdk/client-lambda";
import type { QueueDelivery } from "../../src/ports/event-targets.ts";
import { createActiveFunction } from "./created-functions.ts";
import { ACCOUNT, type LambdaEndpoint, openLambdaEndpoint, REGION } from "./lambda-endpoint.ts";

export const FunctionName = "f";
export const QUEUE = `arn:aws:sqs:${REGION}:${ACCOUNT}:outcomes`;
export const DEAD_LETTERS = `arn:aws:sqs:${REGION}:${ACCOUNT}:dead-letters`;
export const TOPIC = `arn:aws:sns:${REGION}:${ACCOUNT}:outcomes`;
export const BUS = `arn:aws:events:${REGION}:${ACCOUNT}:event-bus/outcomes`;
export const MINUTE_MS = 60_000;
/** The endpoint of the running test file. */
export let lambda: LambdaEndpoint;

export const create = (name: string): Promise<void> => createActiveFunction(lambda, name);

export const send = (more: Partial<InvokeCommandInput> = {}) =>
  lambda.client.send(
    new InvokeCommand({ FunctionName, InvocationType: "Event", Payload: '{"n":1}', ...more }),
  );

export const failure = (errorMessage: string) => ({
  payload: Buffer.from(JSON.stringify({ errorMessage, errorType: "Error" })),
  functionError: "Unhandled" as const,
  errorType: "Error",
  durationMs: 1,
  logTail: undefined,
});

/** Everything that can happen without time passing has happened. */
export async function quiet(): Promise<void> {
  for (let turns = 0; turns < 50; turns++) await turn();
}

export async function pass(durationMs: number): Promise<void> {
  lambda.clock.advance(durationMs);
  await quiet();
}

export const record = (): Record<string, unknown> => {
  const [first = assert.fail("nothing was delivered")] = lambda.events.delivered;
  return JSON.parse((first.delivery as QueueDelivery).body) as Record<string, unknown>;
};

export const configure = (more: object) =>
  lambda.client.send(new PutFunctionEventInvokeConfigCommand({ FunctionName, ...more }));

export const counted = (name: Parameters<typeof lambda.events.counted.get>[0]): number =>
  (lambda.events.counted.get(name) ?? []).length;

/** Opens it before the tests of a file, with a function; each test begins with nothing counted and nothing sent. */
export function useAsyncEndpoint(): void {
  before(async () => {
    lambda = await openLambdaEndpoint();
    await create(FunctionName);
  });
  after(() => lambda.close());
  beforeEach(async () => {
    await quiet();
    lambda.invocations.length = 0;
    lambda.events.delivered.length = 0;
    lambda.events.counted.clear();
    lambda.events.answer = () => undefined;
    lambda.answer = ({ payload }) => ({
      payload,
      functionError: undefined,
      logTail: undefined,
      durationMs: 1,
    });
  });
}
