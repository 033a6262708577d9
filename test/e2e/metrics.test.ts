import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { rm } from "node:fs/promises";
import { after, before, describe, test } from "node:test";
import { promisify } from "node:util";
import { gunzipSync } from "node:zlib";
import {
  CloudWatchClient,
  GetMetricStatisticsCommand,
  PutMetricDataCommand,
} from "@aws-sdk/client-cloudwatch";
import {
  CloudWatchLogsClient,
  DeleteSubscriptionFilterCommand,
  DescribeSubscriptionFiltersCommand,
  InvalidParameterException,
  LimitExceededException,
  type LiveTailSessionLogEvent,
  PutSubscriptionFilterCommand,
  ResourceNotFoundException,
  StartLiveTailCommand,
} from "@aws-sdk/client-cloudwatch-logs";
import {
  AddPermissionCommand,
  type LambdaClient,
  PutFunctionConcurrencyCommand,
  TooManyRequestsException,
} from "@aws-sdk/client-lambda";
import { hasBoto3, runBoto3 } from "../support/boto3.ts";
import { clientConfiguration, deploy, invoke, lambdaClient } from "../support/deploy.ts";
import { skipUnless } from "../support/skip.ts";
import { type RunningLambent, startLambent } from "../support/start-lambent.ts";

const run = promisify(execFile);
const ACCOUNT = "000000000000";
const arnOf = (name: string): string => `arn:aws:lambda:us-east-1:${ACCOUNT}:function:${name}`;
const groupArn = (name: string): string => `arn:aws:logs:us-east-1:${ACCOUNT}:log-group:/aws/lambda/${name}`;

const COUNTED = `
  export const handler = async (event) => {
    if (event.log) console.log(typeof event.log === "string" ? event.log : JSON.stringify(event.log));
    if (event.fail) throw new Error("as asked");
    return "fine";
  };
`;
/** Keeps what it was sent, for whoever asks. */
const COLLECTOR = `
  const seen = [];
  export const handler = async (event) => {
    if (event.awslogs) seen.push(event.awslogs.data);
    return seen;
  };
`;

/** Asks until the answer is as wished; metrics and deliveries come a moment after what causes them. */
async function eventually<T>(ask: () => Promise<T>, isWished: (answer: T) => boolean): Promise<T> {
  for (let attempt = 0; ; attempt++) {
    const answer = await ask();
    if (isWished(answer) || attempt >= 50) return answer;
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
}

describe("metrics and log events of real functions", () => {
  let lambent: RunningLambent;
  let lambda: LambdaClient;
  let cloudWatch: CloudWatchClient;
  let logs: CloudWatchLogsClient;

  before(async () => {
    lambent = await startLambent();
    lambda = lambdaClient(lambent.endpoint);
    cloudWatch = new CloudWatchClient(clientConfiguration(lambent.endpoint));
    // The prefix "streaming-" of this operation's host makes no sense in front of an address.
    logs = new CloudWatchLogsClient({ ...clientConfiguration(lambent.endpoint), disableHostPrefix: true });
    await deploy(lambda, "counted", { "index.mjs": COUNTED });
  });
  after(async () => {
    for (const client of [lambda, cloudWatch, logs]) client?.destroy();
    await lambent?.stop();
  });

  const range = () => ({
    StartTime: new Date(Date.now() - 3_600_000),
    EndTime: new Date(Date.now() + 60_000),
  });

  /** Over the last hour, in one point. */
  async function statistics(Namespace: string, MetricName: string, dimensions: Record<string, string>) {
    const { Datapoints = [] } = await cloudWatch.send(
      new GetMetricStatisticsCommand({
        Namespace,
        MetricName,
        Dimensions: Object.entries(dimensions).map(([Name, Value]) => ({ Name, Value })),
        Period: 7200,
        Statistics: ["Sum", "SampleCount", "Maximum", "Average"],
        ...range(),
      }),
    );
    return Datapoints[0];
  }

  test("invocations, errors and throttles are counted, and durations are the reported ones", async () => {
    const reported: number[] = [];
    for (const fail of [false, false, true]) {
      const { log } = await invoke(lambda, "counted", { fail });
      reported.push(Number(/\tDuration: ([\d.]+) ms/.exec(log)?.[1]));
    }
    await lambda.send(
      new PutFunctionConcurrencyCommand({ FunctionName: "counted", ReservedConcurrentExecutions: 0 }),
    );
    await assert.rejects(invoke(lambda, "counted"), TooManyRequestsException);
    await lambda.send(
      new PutFunctionConcurrencyCommand({ FunctionName: "counted", ReservedConcurrentExecutions: 5 }),
    );
    const dimensions = { FunctionName: "counted" };
    const errors = await statistics("AWS/Lambda", "Errors", dimensions);
    assert.deepEqual([errors?.Sum, errors?.SampleCount], [1, 3]);
    assert.equal((await statistics("AWS/Lambda", "Throttles", dimensions))?.Sum, 1);
    assert.equal((await statistics("AWS/Lambda", "Invocations", dimensions))?.Sum, 3);
    assert.equal((await statistics("AWS/Lambda", "ConcurrentExecutions", dimensions))?.Maximum, 1);
    const duration = await statistics("AWS/Lambda", "Duration", { ...dimensions, Resource: "counted" });
    const expected = reported.reduce((sum, value) => sum + value, 0);
    assert.ok(Math.abs((duration?.Sum ?? 0) - expected) < 0.1, `${duration?.Sum} for ${expected}`);
    assert.equal((await statistics("AWS/Lambda", "Invocations", {}))?.Sum, 3);
  });

  const environment = (): NodeJS.ProcessEnv => ({
    ...process.env,
    AWS_ENDPOINT_URL: lambent.endpoint,
    AWS_ACCESS_KEY_ID: "test",
    AWS_SECRET_ACCESS_KEY: "test",
    AWS_DEFAULT_REGION: "us-east-1",
    AWS_PAGER: "",
  });

  test("the AWS CLI reads and writes metrics", async (t) => {
    const hasCli = await run("aws", ["--version"]).then(
      () => true,
      () => false,
    );
    if (!skipUnless(t, hasCli, "the AWS CLI is not installed", "pip install awscli")) return;
    const aws = async (...parameters: string[]): Promise<string> =>
      (await run("aws", ["cloudwatch", ...parameters, "--output", "json"], { env: environment() })).stdout;
    await aws(
      "put-metric-data",
      "--namespace",
      "Cli",
      "--metric-name",
      "Made",
      "--value",
      "4",
      "--dimensions",
      "By=hand",
    );
    const { StartTime, EndTime } = range();
    const answer = await aws(
      "get-metric-statistics",
      "--namespace",
      "Cli",
      "--metric-name",
      "Made",
      "--dimensions",
      "Name=By,Value=hand",
      "--start-time",
      StartTime.toISOString(),
      "--end-time",
      EndTime.toISOString(),
      "--period",
      "7200",
      "--statistics",
      "Sum",
      "Average",
    );
    const { Label, Datapoints } = JSON.parse(answer);
    assert.deepEqual(
      [Label, Datapoints[0].Sum, Datapoints[0].Average, Datapoints[0].Unit],
      ["Made", 4, 4, "None"],
    );
    const listed = JSON.parse(await aws("list-metrics", "--namespace", "Cli"));
    assert.deepEqual(listed.Metrics, [
      { Namespace: "Cli", MetricName: "Made", Dimensions: [{ Name: "By", Value: "hand" }] },
    ]);
  });

  test("boto3 reads and writes metrics, and gets AWS's errors", async (t) => {
    if (!(await hasBoto3(t))) return;
    const script = `
import boto3, datetime, json
client = boto3.client("cloudwatch")
# Many enough that the client compresses the request.
client.put_metric_data(Namespace="Boto", MetricData=[{"MetricName": "m%d" % (n % 7), "Values": [1.0, 2.0], "Counts": [n, 1.0], "Unit": "Count"} for n in range(1, 400)])
now = datetime.datetime.now(datetime.timezone.utc)
hour = datetime.timedelta(hours=1)
stat = lambda name: {"Metric": {"Namespace": "Boto", "MetricName": name}, "Period": 7200, "Stat": "SampleCount"}
queries = [{"Id": "a", "MetricStat": stat("m0")}, {"Id": "b", "MetricStat": stat("m1")}, {"Id": "c", "Expression": "a + b"}]
results = [r for page in client.get_paginator("get_metric_data").paginate(MetricDataQueries=queries, StartTime=now - hour, EndTime=now + hour / 60) for r in page["MetricDataResults"]]
try:
    client.put_metric_data(Namespace="AWS/Lambda", MetricData=[{"MetricName": "m", "Value": 1}])
except client.exceptions.InvalidParameterValueException as error:
    refusal = error.response["Error"]
try:
    client.put_metric_alarm(AlarmName="a", ComparisonOperator="GreaterThanThreshold", EvaluationPeriods=1)
except Exception as error:
    alarm = str(error)
print(json.dumps({"values": {r["Id"]: r["Values"] for r in results}, "refusal": refusal, "alarm": alarm}))
`;
    const said = await runBoto3("-c", { endpoint: lambent.endpoint, parameters: [script] });
    const { values, refusal, alarm } = JSON.parse(said);
    const expected = [0, 1].map((rest) => {
      let count = 0;
      for (let n = 1; n < 400; n++) if (n % 7 === rest) count += n + 1;
      return count;
    });
    assert.deepEqual(values, {
      a: [expected[0]],
      b: [expected[1]],
      c: [(expected[0] ?? 0) + (expected[1] ?? 0)],
    });
    assert.deepEqual(
      [refusal.Code, refusal.Message],
      ["InvalidParameterValue", "The value AWS/Lambda for parameter Namespace is invalid."],
    );
    assert.match(alarm, /PutMetricAlarm/);
  });

  test("log events in the embedded metric format become metrics", async () => {
    const log = {
      _aws: {
        Timestamp: Date.now(),
        CloudWatchMetrics: [
          {
            Namespace: "Embedded",
            Dimensions: [["Shop"], []],
            Metrics: [
              { Name: "Sold", Unit: "Count" },
              { Name: "Took", Unit: "Milliseconds" },
              { Name: "absent" },
            ],
          },
        ],
      },
      Shop: "north",
      Sold: 3,
      Took: [10, 30],
    };
    const { functionError } = await invoke(lambda, "counted", { log: JSON.stringify(log) });
    assert.equal(functionError, undefined);
    // Node's runtime puts its own words before console.log: the format has to be the root of the event.
    await deploy(lambda, "embedding", {
      "index.mjs": `export const handler = async (event) => { process.stdout.write(JSON.stringify(event) + "\\n"); };`,
    });
    await invoke(lambda, "embedding", log);
    const took = await eventually(
      () => statistics("Embedded", "Took", { Shop: "north" }),
      (point) => point !== undefined,
    );
    assert.deepEqual([took?.Sum, took?.Average, took?.SampleCount, took?.Unit], [40, 20, 2, "Milliseconds"]);
    assert.equal((await statistics("Embedded", "Sold", {}))?.Sum, 3);
    assert.equal(await statistics("Embedded", "absent", {}), undefined);
  });

  test("a subscription filter sends matching events to a function that allows it", async () => {
    await deploy(lambda, "collector", { "index.mjs": COLLECTOR });
    const logGroupName = "/aws/lambda/counted";
    const filter = {
      logGroupName,
      filterName: "orders",
      filterPattern: "ORDER",
      destinationArn: arnOf("collector"),
    };
    await assert.rejects(logs.send(new PutSubscriptionFilterCommand(filter)), (error: Error) => {
      assert.ok(error instanceof InvalidParameterException);
      assert.equal(
        error.message,
        "Could not execute the lambda function. Make sure you have given CloudWatch Logs permission to execute your function.",
      );
      return true;
    });
    await lambda.send(
      new AddPermissionCommand({
        FunctionName: "collector",
        StatementId: "logs",
        Action: "lambda:InvokeFunction",
        Principal: "logs.amazonaws.com",
        SourceArn: `${groupArn("counted")}:*`,
        SourceAccount: ACCOUNT,
      }),
    );
    await logs.send(new PutSubscriptionFilterCommand(filter));
    await logs.send(
      new PutSubscriptionFilterCommand({ ...filter, filterName: "second", filterPattern: "never" }),
    );
    await assert.rejects(
      logs.send(new PutSubscriptionFilterCommand({ ...filter, filterName: "third" })),
      LimitExceededException,
    );
    const described = await logs.send(new DescribeSubscriptionFiltersCommand({ logGroupName }));
    assert.deepEqual(
      described.subscriptionFilters?.map(({ creationTime, ...rest }) => [typeof creationTime, rest]),
      [
        ["number", { ...filter, distribution: "ByLogStream" }],
        ["number", { ...filter, filterName: "second", filterPattern: "never", distribution: "ByLogStream" }],
      ],
    );
    for (const log of ["ORDER one", "other", "ORDER two"]) await invoke(lambda, "counted", { log });
    const read = async () => {
      const { body } = await invoke(lambda, "collector");
      return (body as string[]).map((data) => JSON.parse(gunzipSync(Buffer.from(data, "base64")).toString()));
    };
    const messages = await eventually(read, (all) => all.flatMap(({ logEvents }) => logEvents).length >= 2);
    const [first] = messages;
    assert.deepEqual(Object.keys(first), [
      "messageType",
      "owner",
      "logGroup",
      "logStream",
      "subscriptionFilters",
      "logEvents",
    ]);
    assert.deepEqual(
      [first.messageType, first.owner, first.logGroup, first.subscriptionFilters],
      ["DATA_MESSAGE", ACCOUNT, logGroupName, ["orders"]],
    );
    assert.match(first.logStream, /^\d{4}\/\d{2}\/\d{2}\/\[\$LATEST\]/);
    const events: { id: string; timestamp: number; message: string }[] = messages.flatMap(
      ({ logEvents }) => logEvents,
    );
    assert.deepEqual(
      events.map(({ message }) => /ORDER \w+/.exec(message)?.[0]),
      ["ORDER one", "ORDER two"],
    );
    for (const { id, timestamp } of events) {
      assert.match(id, /^\d{56}$/);
      assert.ok(Math.abs(Date.now() - timestamp) < 60_000);
    }
    for (const filterName of ["orders", "second"])
      await logs.send(new DeleteSubscriptionFilterCommand({ logGroupName, filterName }));
    await assert.rejects(
      logs.send(new DeleteSubscriptionFilterCommand({ logGroupName, filterName: "orders" })),
      ResourceNotFoundException,
    );
  });

  test("StartLiveTail shows matching events as they come", async () => {
    const { responseStream } = await logs.send(
      new StartLiveTailCommand({
        logGroupIdentifiers: [groupArn("counted")],
        logEventFilterPattern: "LIVE",
      }),
    );
    assert.ok(responseStream);
    const seen: LiveTailSessionLogEvent[] = [];
    for await (const event of responseStream) {
      if (event.sessionStart !== undefined) {
        assert.deepEqual(event.sessionStart.logGroupIdentifiers, [groupArn("counted")]);
        assert.equal(event.sessionStart.logEventFilterPattern, "LIVE");
        for (const log of ["LIVE one", "not this", "LIVE two"]) await invoke(lambda, "counted", { log });
      }
      seen.push(...(event.sessionUpdate?.sessionResults ?? []));
      if (event.sessionUpdate !== undefined)
        assert.equal(event.sessionUpdate.sessionMetadata?.sampled, false);
      if (seen.length >= 2) break;
    }
    assert.deepEqual(
      seen.map(({ message, logGroupIdentifier }) => [
        /LIVE \w+/.exec(message ?? "")?.[0],
        logGroupIdentifier,
      ]),
      ["LIVE one", "LIVE two"].map((text) => [text, `${ACCOUNT}:/aws/lambda/counted`]),
    );
    await assert.rejects(
      logs.send(new StartLiveTailCommand({ logGroupIdentifiers: [groupArn("missing")] })),
      ResourceNotFoundException,
    );
  });

  test("a Lambent that was killed has the metrics that were on disk", async () => {
    const before = await statistics("AWS/Lambda", "Invocations", { FunctionName: "counted" });
    assert.ok((before?.Sum ?? 0) > 3);
    const { dataDirectory } = lambent;
    // What was answered is on disk, and so is everything that was counted before.
    await cloudWatch.send(
      new PutMetricDataCommand({ Namespace: "Kill", MetricData: [{ MetricName: "Before", Value: 1 }] }),
    );
    await lambent.kill();
    for (const client of [lambda, cloudWatch, logs]) client.destroy();
    const again = await startLambent({ dataDirectory });
    try {
      cloudWatch = new CloudWatchClient(clientConfiguration(again.endpoint));
      const now = await statistics("AWS/Lambda", "Invocations", { FunctionName: "counted" });
      assert.equal(now?.Sum, before?.Sum);
      assert.equal((await statistics("Kill", "Before", {}))?.Sum, 1);
    } finally {
      await again.stop();
      await rm(dataDirectory, { recursive: true, force: true });
    }
  });
});
