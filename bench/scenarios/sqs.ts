import { setTimeout as sleep } from "node:timers/promises";
import {
  CreateEventSourceMappingCommand,
  DeleteEventSourceMappingCommand,
  type LambdaClient,
} from "@aws-sdk/client-lambda";
import {
  CreateQueueCommand,
  GetQueueAttributesCommand,
  SendMessageBatchCommand,
  SendMessageCommand,
  SQSClient,
} from "@aws-sdk/client-sqs";
import { clientConfiguration, deploy, invoke } from "../../test/support/deploy.ts";
import type { Scenario } from "../scenario.ts";
import { median, percentile, rounded } from "../statistics.ts";
import { cpuMs } from "./parts.ts";
import { type MeasuredLambent, withLambent } from "./running.ts";

const DEFAULT_MAPPINGS = 500;
const BATCH_SIZE = 10;
const MESSAGES_PER_ROUND = 10_000;
const LATENCY_MESSAGES = 100;
const FUNCTION_NAME = "bench-sqs";
/** Remembers how long each message was under way; says so when it is asked. */
const HANDLER = `let latencies = [];
exports.handler = async ({ Records }) => {
  if (Records === undefined) return latencies.splice(0);
  const nowMs = performance.timeOrigin + performance.now();
  for (const { body } of Records) latencies.push(nowMs - Number(body));
};
`;

/** What the scenario needs of a running Lambent. */
interface Bench {
  readonly lambda: LambdaClient;
  readonly sqs: SQSClient;
  readonly pid: number | undefined;
}

const nowMs = (): string => String(performance.timeOrigin + performance.now());

async function queue({ sqs }: Bench, name: string): Promise<string> {
  const { QueueUrl = "" } = await sqs.send(new CreateQueueCommand({ QueueName: name }));
  return QueueUrl;
}

async function map({ lambda }: Bench, name: string): Promise<string | undefined> {
  const { UUID } = await lambda.send(
    new CreateEventSourceMappingCommand({
      FunctionName: FUNCTION_NAME,
      EventSourceArn: `arn:aws:sqs:us-east-1:000000000000:${name}`,
      BatchSize: BATCH_SIZE,
    }),
  );
  return UUID;
}

/** Messages that are still in a queue. */
async function left({ sqs }: Bench, QueueUrl: string): Promise<number> {
  const { Attributes: counts = {} } = await sqs.send(
    new GetQueueAttributesCommand({
      QueueUrl,
      AttributeNames: ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"],
    }),
  );
  return Object.values(counts).reduce((sum, count) => sum + Number(count), 0);
}

/** How many messages a second of a backlog are processed and deleted. */
async function drained(bench: Bench, name: string): Promise<number> {
  const QueueUrl = await queue(bench, name);
  const send = async (): Promise<void> => {
    const Entries = Array.from({ length: 10 }, (_, index) => ({ Id: `${index}`, MessageBody: nowMs() }));
    await bench.sqs.send(new SendMessageBatchCommand({ QueueUrl, Entries }));
  };
  for (let sent = 0; sent < MESSAGES_PER_ROUND; sent += 200)
    await Promise.all(Array.from({ length: 20 }, send));
  const startMs = performance.now();
  const UUID = await map(bench, name);
  while ((await left(bench, QueueUrl)) > 0) await sleep(20);
  const perSecond = MESSAGES_PER_ROUND / ((performance.now() - startMs) / 1000);
  await bench.lambda.send(new DeleteEventSourceMappingCommand({ UUID }));
  return perSecond;
}

/** From just before a message is sent until the function has it, when nothing else happens. */
async function latencies(bench: Bench): Promise<number[]> {
  const QueueUrl = await queue(bench, "latency");
  const UUID = await map(bench, "latency");
  const ask = async (): Promise<number[]> => (await invoke(bench.lambda, FUNCTION_NAME)).body as number[];
  await bench.sqs.send(new SendMessageCommand({ QueueUrl, MessageBody: nowMs() }));
  await sleep(1_000);
  const found: number[] = [];
  for (let index = 0; index < LATENCY_MESSAGES; index++) {
    await ask();
    await bench.sqs.send(new SendMessageCommand({ QueueUrl, MessageBody: nowMs() }));
    await sleep(50);
    found.push(...(await ask()));
  }
  await bench.lambda.send(new DeleteEventSourceMappingCommand({ UUID }));
  return found;
}

/** The share of one core that mappings cost where nothing happens. */
async function idleShare(bench: Bench, mappings: number, seconds: number): Promise<number> {
  for (let index = 0; index < mappings; index++) {
    await queue(bench, `idle-${index}`);
    await map(bench, `idle-${index}`);
  }
  await sleep(2_000);
  const before = cpuMs(bench.pid);
  const startMs = performance.now();
  // At least one whole poll of each.
  await sleep(Math.max(21, seconds) * 1_000);
  return (cpuMs(bench.pid) - before) / (performance.now() - startMs);
}

/** Queues as event sources: throughput of a backlog, latency when idle, and what idle mappings cost. */
export const sqs: Scenario = (options) =>
  withLambent({}, async ({ lambent, lambda, isolation }: MeasuredLambent) => {
    const client = new SQSClient(clientConfiguration(lambent.endpoint));
    const bench: Bench = { lambda, sqs: client, pid: lambent.process.pid };
    try {
      await deploy(lambda, FUNCTION_NAME, { "index.js": HANDLER }, { MemorySize: 1_769 });
      const alone = await idleShare(bench, 0, options.secondsPerMeasurement);
      options.progress("sending messages one by one");
      const found = await latencies(bench);
      const rates: number[] = [];
      for (let round = 1; round <= options.rounds; round++) {
        rates.push(await drained(bench, `drained-${round}`));
        options.progress(`round ${round}: ${rates.at(-1)?.toFixed(0)} messages/s`);
      }
      const mappings = options.count ?? DEFAULT_MAPPINGS;
      options.progress(`making ${mappings} mappings`);
      // Environments that wait for more invocations are not what is measured.
      const idle = await idleShare(bench, mappings, options.secondsPerMeasurement);
      const [p50, p99] = [median(found), percentile(found, 0.99)];
      return {
        columns: ["queues as event sources", "Lambent"],
        rows: [
          [
            `messages of a backlog processed and deleted (1/s), ${BATCH_SIZE} a batch`,
            median(rates).toFixed(0),
          ],
          ["a message sent over HTTP until the function has it, idle, p50 (ms)", p50.toFixed(1)],
          ["the same, p99 (ms)", p99.toFixed(1)],
          [`${mappings} idle mappings, share of one core`, `${(idle * 100).toFixed(2)} %`],
          ["Lambent without any, share of one core", `${(alone * 100).toFixed(2)} %`],
        ],
        notes: [`Isolation: ${isolation}.`, "The client that sends runs on the same machine."],
        json: {
          messagesPerSecond: Math.round(median(rates)),
          latencyP50Ms: rounded(p50),
          latencyP99Ms: rounded(p99),
          idleMappings: mappings,
          idleCoreShare: rounded(idle),
          coreShareWithoutMappings: rounded(alone),
        },
      };
    } finally {
      client.destroy();
    }
  });
