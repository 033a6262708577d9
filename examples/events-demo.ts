/**
 * Events, with the official JavaScript SDK, as a person would try them on AWS: photographs that are put into a bucket
 * become thumbnails, a function URL feeds a queue, a poison message ends in its dead-letter queue, a schedule goes off.
 * Ends with a table of what ran, for how long, and what AWS would have asked for it.
 */
import assert from "node:assert/strict";
import { once } from "node:events";
import { type IncomingMessage, request } from "node:http";
import { CloudWatchLogsClient } from "@aws-sdk/client-cloudwatch-logs";
import { IAMClient } from "@aws-sdk/client-iam";
import {
  AddPermissionCommand,
  CreateEventSourceMappingCommand,
  CreateFunctionCommand,
  CreateFunctionUrlConfigCommand,
  GetEventSourceMappingCommand,
  LambdaClient,
  waitUntilFunctionActiveV2,
} from "@aws-sdk/client-lambda";
import {
  CreateBucketCommand,
  GetObjectCommand,
  ListObjectsV2Command,
  PutBucketNotificationConfigurationCommand,
  PutObjectCommand,
  S3Client,
} from "@aws-sdk/client-s3";
import { CreateScheduleCommand, SchedulerClient } from "@aws-sdk/client-scheduler";
import {
  CreateQueueCommand,
  GetQueueAttributesCommand,
  ReceiveMessageCommand,
  SQSClient,
} from "@aws-sdk/client-sqs";
import { clientConfiguration } from "../test/support/deploy.ts";
import { CleanUp } from "./clean-up.ts";
import { findOrStart, functionPackage, Steps, until } from "./demonstration.ts";
import { createRole } from "./events-role.ts";
import { photograph } from "./photographs.ts";
import { costTable, linesOf } from "./what-ran.ts";

/** A name of its own for each run: a Lambent that is in use may be told to demonstrate itself. */
const SUFFIX = process.pid.toString(36);
const nameOf = (what: string): string => `demo-${what}-${SUFFIX}`;
const THUMBNAIL = nameOf("thumbnail");
const FEEDBACK = nameOf("feedback");
const WORKER = nameOf("worker");
const CLOCK = nameOf("clock");
const BUCKET = nameOf("photographs");
const PHOTOGRAPHS = 6;
const WORKER_SECONDS = 2;

interface Clients {
  readonly iam: IAMClient;
  readonly lambda: LambdaClient;
  readonly logs: CloudWatchLogsClient;
  readonly s3: S3Client;
  readonly scheduler: SchedulerClient;
  readonly sqs: SQSClient;
}

interface Round {
  readonly clients: Clients;
  readonly steps: Steps;
  readonly cleanUp: CleanUp;
  readonly endpoint: string;
  readonly roleArn: string;
}

interface NewFunction {
  readonly name: string;
  /** In `examples/functions`. */
  readonly folder: string;
  readonly packages?: readonly string[];
  readonly memoryMb?: number;
  readonly timeoutSeconds?: number;
  readonly variables?: Readonly<Record<string, string>>;
}

/** Resolves with the function's ARN when it can be invoked. */
async function deploy({ clients, steps, cleanUp, roleArn }: Round, made: NewFunction): Promise<string> {
  const { lambda } = clients;
  const zip = await functionPackage(made.folder, made.packages);
  return steps.step(
    `create-function ${made.name}`,
    async () => {
      const { FunctionArn = "" } = await lambda.send(
        new CreateFunctionCommand({
          FunctionName: made.name,
          Runtime: "nodejs24.x",
          Handler: "index.handler",
          Role: roleArn,
          MemorySize: made.memoryMb ?? 128,
          Timeout: made.timeoutSeconds ?? 10,
          Environment: { Variables: { ...made.variables } },
          Code: { ZipFile: zip },
        }),
      );
      cleanUp.function(made.name);
      await waitUntilFunctionActiveV2(
        { client: lambda, maxWaitTime: 60, minDelay: 0.05, maxDelay: 0.2 },
        { FunctionName: made.name },
      );
      return FunctionArn;
    },
    () =>
      `zip of ${(zip.length / 1024).toFixed(0)} KB${made.packages ? ` with ${made.packages.join(", ")}` : ""}`,
  );
}

/** A bucket whose photographs have thumbnails made of them. */
async function photographs(round: Round): Promise<void> {
  const { clients, steps, cleanUp } = round;
  const { lambda, s3 } = clients;
  const functionArn = await deploy(round, {
    name: THUMBNAIL,
    folder: "thumbnail",
    packages: ["jpeg-js"],
    memoryMb: 1769,
    timeoutSeconds: 60,
  });
  await steps.step(
    "create-bucket, put-bucket-notification",
    async () => {
      await s3.send(new CreateBucketCommand({ Bucket: BUCKET }));
      cleanUp.bucket(BUCKET);
      await lambda.send(
        new AddPermissionCommand({
          FunctionName: THUMBNAIL,
          StatementId: "bucket",
          Action: "lambda:InvokeFunction",
          Principal: "s3.amazonaws.com",
          SourceArn: `arn:aws:s3:::${BUCKET}`,
        }),
      );
      const FilterRules = [
        { Name: "prefix" as const, Value: "photographs/" },
        { Name: "suffix" as const, Value: ".jpg" },
      ];
      await s3.send(
        new PutBucketNotificationConfigurationCommand({
          Bucket: BUCKET,
          NotificationConfiguration: {
            LambdaFunctionConfigurations: [
              {
                LambdaFunctionArn: functionArn,
                Events: ["s3:ObjectCreated:*"],
                Filter: { Key: { FilterRules } },
              },
            ],
          },
        }),
      );
    },
    () => `s3://${BUCKET}/photographs/*.jpg → ${THUMBNAIL}`,
  );
  const pictures = Array.from({ length: PHOTOGRAPHS }, (_, number) => photograph(number));
  const totalBytes = pictures.reduce((sum, { length }) => sum + length, 0);
  await steps.step(
    `put-object, ${PHOTOGRAPHS} photographs`,
    () =>
      Promise.all(
        pictures.map((Body, number) =>
          s3.send(new PutObjectCommand({ Bucket: BUCKET, Key: `photographs/view ${number}.jpg`, Body })),
        ),
      ),
    () => `${(totalBytes / 1024).toFixed(0)} KB`,
  );
  await steps.step(
    "the thumbnails arrive",
    () => until("every thumbnail", () => thumbnails(s3)),
    (found) => `${found.length}: ${found.map(({ Key, Size }) => `${Key} (${Size} bytes)`)[0]}, …`,
  );
  const { Body } = await s3.send(new GetObjectCommand({ Bucket: BUCKET, Key: "thumbnails/view 0.jpg" }));
  const bytes = await Body?.transformToByteArray();
  assert.deepEqual([bytes?.[0], bytes?.[1]], [0xff, 0xd8], "a thumbnail is a JPEG");
}

async function thumbnails(s3: S3Client) {
  const { Contents = [] } = await s3.send(
    new ListObjectsV2Command({ Bucket: BUCKET, Prefix: "thumbnails/" }),
  );
  return Contents.length === PHOTOGRAPHS ? Contents : undefined;
}

interface Queues {
  readonly url: string;
  readonly arn: string;
  readonly deadLettersUrl: string;
}

async function createQueues({ clients, steps, cleanUp }: Round): Promise<Queues> {
  const create = async (name: string, Attributes: Record<string, string> = {}) => {
    const { QueueUrl = "" } = await clients.sqs.send(new CreateQueueCommand({ QueueName: name, Attributes }));
    cleanUp.queue(QueueUrl);
    const { Attributes: found } = await clients.sqs.send(
      new GetQueueAttributesCommand({ QueueUrl, AttributeNames: ["QueueArn"] }),
    );
    return { url: QueueUrl, arn: found?.QueueArn ?? "" };
  };
  return steps.step(
    "create-queue, with a dead-letter queue",
    async () => {
      const deadLetters = await create(nameOf("dead-letters"));
      const redrive = { deadLetterTargetArn: deadLetters.arn, maxReceiveCount: 2 };
      const queue = await create(nameOf("feedback"), {
        VisibilityTimeout: String(WORKER_SECONDS),
        RedrivePolicy: JSON.stringify(redrive),
      });
      return { ...queue, deadLettersUrl: deadLetters.url };
    },
    ({ arn }) => `${arn}, 2 receives`,
  );
}

/** A URL that everybody may post to, a queue, and a worker; one message is poison. */
async function feedback(round: Round): Promise<void> {
  const { clients, steps } = round;
  const queues = await createQueues(round);
  await deploy(round, { name: FEEDBACK, folder: "feedback", variables: { QUEUE_URL: queues.url } });
  await deploy(round, { name: WORKER, folder: "worker", timeoutSeconds: WORKER_SECONDS });
  const url = await openUrl(round);
  await mapQueue(round, queues.arn);
  const messages = [
    ...Array.from({ length: 9 }, (_, number) =>
      JSON.stringify({ from: `visitor ${number}`, stars: 1 + (number % 5) }),
    ),
    '{"from":"visitor 9","stars":"poison"}',
  ];
  await steps.step(
    "POST to the function URL, 10 times",
    () => Promise.all(messages.map((message) => post(round.endpoint, url, message))),
    (statuses) => {
      assert.deepEqual(new Set(statuses), new Set([202]));
      return "10 × 202";
    },
  );
  await steps.step(
    "the worker works, on all but the poison",
    () =>
      until("the work", async () => {
        const lines = await linesOf(clients.logs, WORKER, '"worked:"');
        return lines.length >= 9 ? lines : undefined;
      }),
    (lines) => `${lines.length} messages: ${lines[0]?.trim()}`,
  );
  await steps.step(
    "the poison ends in the dead-letter queue",
    () =>
      until("the redrive", async () => {
        const { Messages: found = [] } = await clients.sqs.send(
          new ReceiveMessageCommand({ QueueUrl: queues.deadLettersUrl, WaitTimeSeconds: 1 }),
        );
        return found[0]?.Body;
      }),
    (body) => {
      assert.equal(body, messages[9]);
      return body;
    },
  );
}

async function openUrl({ clients, steps }: Round): Promise<string> {
  const everybody = { FunctionName: FEEDBACK, Principal: "*" };
  return steps.step(
    "create-function-url-config, add-permission",
    async () => {
      const { FunctionUrl = "" } = await clients.lambda.send(
        new CreateFunctionUrlConfigCommand({ FunctionName: FEEDBACK, AuthType: "NONE" }),
      );
      await clients.lambda.send(
        new AddPermissionCommand({
          ...everybody,
          StatementId: "url",
          Action: "lambda:InvokeFunctionUrl",
          FunctionUrlAuthType: "NONE",
        }),
      );
      await clients.lambda.send(
        new AddPermissionCommand({
          ...everybody,
          StatementId: "invoke",
          Action: "lambda:InvokeFunction",
          InvokedViaFunctionUrl: true,
        }),
      );
      return FunctionUrl;
    },
    (url) => url,
  );
}

async function mapQueue({ clients, steps, cleanUp }: Round, EventSourceArn: string): Promise<void> {
  await steps.step(
    "create-event-source-mapping",
    async () => {
      const { UUID = "" } = await clients.lambda.send(
        new CreateEventSourceMappingCommand({
          FunctionName: WORKER,
          EventSourceArn,
          BatchSize: 10,
          FunctionResponseTypes: ["ReportBatchItemFailures"],
        }),
      );
      cleanUp.mapping(UUID);
      return until("the mapping", async () => {
        const mapping = await clients.lambda.send(new GetEventSourceMappingCommand({ UUID }));
        return mapping.State === "Enabled" ? mapping : undefined;
      });
    },
    ({ UUID }) => `${UUID} is enabled`,
  );
}

/** By Host header: names below localhost are not resolved on every machine. */
async function post(endpoint: string, url: string, body: string): Promise<number> {
  const { host, pathname } = new URL(url);
  const headers = { host, "content-type": "application/json" };
  const sent = request(endpoint, { method: "POST", path: pathname, headers });
  sent.end(body);
  const [response] = (await once(sent, "response")) as [IncomingMessage];
  response.resume();
  await once(response, "end");
  return response.statusCode ?? 0;
}

/** Once, in two seconds. */
async function schedule(round: Round): Promise<void> {
  const { clients, steps, cleanUp, roleArn } = round;
  const functionArn = await deploy(round, { name: CLOCK, folder: "clock" });
  const at = new Date(Date.now() + 2_000).toISOString().slice(0, 19);
  await steps.step(
    "create-schedule",
    async () => {
      await clients.scheduler.send(
        new CreateScheduleCommand({
          Name: CLOCK,
          ScheduleExpression: `at(${at})`,
          FlexibleTimeWindow: { Mode: "OFF" },
          Target: { Arn: functionArn, RoleArn: roleArn, Input: JSON.stringify({ say: "good morning" }) },
        }),
      );
      cleanUp.schedule(CLOCK);
    },
    () => `at(${at})`,
  );
  await steps.step(
    "the schedule goes off",
    () =>
      until("the schedule", async () => {
        const lines = await linesOf(clients.logs, CLOCK, '"tick:"');
        return lines[0];
      }),
    (line) => line.trim(),
  );
}

const lambent = await findOrStart();
const configuration = clientConfiguration(lambent.endpoint);
const clients: Clients = {
  iam: new IAMClient(configuration),
  lambda: new LambdaClient(configuration),
  logs: new CloudWatchLogsClient(configuration),
  s3: new S3Client({ ...configuration, forcePathStyle: true }),
  scheduler: new SchedulerClient(configuration),
  sqs: new SQSClient(configuration),
};
const cleanUp = new CleanUp(clients);
const steps = new Steps();
try {
  console.log(`\ndemonstration at ${lambent.endpoint}\n`);
  const roleArn = await steps.step(
    "iam create-role, put-role-policy",
    () => createRole(clients.iam, nameOf("role"), cleanUp),
    (arn) => arn,
  );
  const round: Round = { clients, steps, cleanUp, endpoint: lambent.endpoint, roleArn };
  await photographs(round);
  await feedback(round);
  await schedule(round);
  console.log(`\n${await costTable(clients.logs, [THUMBNAIL, FEEDBACK, WORKER, CLOCK])}\n`);
  await steps.step(
    "delete everything",
    () => cleanUp.run(),
    (count) => `${count} things, nothing is left`,
  );
  console.log(`\n${steps.summary}`);
} finally {
  // After a failure, whatever was made by then goes away again.
  await cleanUp.runRegardless();
  for (const client of Object.values(clients)) client.destroy();
  await lambent.stop();
}
