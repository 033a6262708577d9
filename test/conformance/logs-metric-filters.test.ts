import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { CloudWatchClient, GetMetricStatisticsCommand, ListMetricsCommand } from "@aws-sdk/client-cloudwatch";
import {
  CloudWatchLogsClient,
  CreateLogGroupCommand,
  CreateLogStreamCommand,
  DeleteMetricFilterCommand,
  DescribeLogGroupsCommand,
  InvalidParameterException,
  type MetricTransformation,
  PutLogEventsCommand,
  PutMetricFilterCommand,
  paginateDescribeMetricFilters,
  ResourceNotFoundException,
  TestMetricFilterCommand,
} from "@aws-sdk/client-cloudwatch-logs";
import { type RunningLambent, startLambent } from "../support/start-lambent.ts";

const GROUP = "/app/orders";
const JSON_PATTERN = '{ $.level = "ERROR" }';
const FIELDS_PATTERN = "[ip, ..., status = 5*, bytes]";

describe("metric filters with the JS SDK", () => {
  let lambent: RunningLambent;
  let logs: CloudWatchLogsClient;
  let cloudWatch: CloudWatchClient;

  before(async () => {
    lambent = await startLambent();
    const credentials = { accessKeyId: "any", secretAccessKey: "any" };
    const configuration = { endpoint: lambent.endpoint, region: "eu-west-1", credentials, maxAttempts: 1 };
    logs = new CloudWatchLogsClient(configuration);
    cloudWatch = new CloudWatchClient(configuration);
    await logs.send(new CreateLogGroupCommand({ logGroupName: GROUP }));
    await logs.send(new CreateLogStreamCommand({ logGroupName: GROUP, logStreamName: "s" }));
  });
  after(async () => {
    logs.destroy();
    cloudWatch.destroy();
    await lambent.stop();
  });

  const put = (filterName: string, filterPattern: string, transformation: Partial<MetricTransformation>) =>
    logs.send(
      new PutMetricFilterCommand({
        logGroupName: GROUP,
        filterName,
        filterPattern,
        metricTransformations: [
          { metricName: filterName, metricNamespace: "Orders", metricValue: "1", ...transformation },
        ],
      }),
    );
  const write = (...messages: string[]) => {
    const timestamp = Date.now();
    const logEvents = messages.map((message) => ({ timestamp, message }));
    return logs.send(new PutLogEventsCommand({ logGroupName: GROUP, logStreamName: "s", logEvents }));
  };
  const total = async (MetricName: string, dimensions: Record<string, string> = {}) => {
    const { Datapoints } = await cloudWatch.send(
      new GetMetricStatisticsCommand({
        Namespace: "Orders",
        MetricName,
        Dimensions: Object.entries(dimensions).map(([Name, Value]) => ({ Name, Value })),
        StartTime: new Date(Date.now() - 600_000),
        EndTime: new Date(Date.now() + 600_000),
        Period: 3600,
        Statistics: ["Sum", "SampleCount"],
      }),
    );
    const sum = (Datapoints ?? []).reduce((all, { Sum = 0 }) => all + Sum, 0);
    const count = (Datapoints ?? []).reduce((all, { SampleCount = 0 }) => all + SampleCount, 0);
    return { sum, count, unit: Datapoints?.[0]?.Unit };
  };
  const refused = (message: string) => (error: unknown) => {
    assert.ok(error instanceof InvalidParameterException);
    assert.equal(error.message, message);
    return true;
  };

  test("what comes in is counted: words, values of JSON and of fields, dimensions, units", async () => {
    await put("errors", "ERROR", { unit: "Count" });
    await put("latency", JSON_PATTERN, {
      metricValue: "$.tookMs",
      unit: "Milliseconds",
      dimensions: { service: "$.service", kind: "$.request.kind" },
    });
    await put("bytes", FIELDS_PATTERN, { metricValue: "$bytes", dimensions: { status: "$status" } });
    await write(
      "ERROR one",
      "all is well",
      '{"level":"ERROR","tookMs":12.5,"service":"pay","request":{"kind":"post"}}',
      '{"level":"ERROR","tookMs":7,"service":"pay","request":{"kind":"post"}}',
      '{"level":"ERROR","tookMs":"long","service":"pay","request":{"kind":"post"}}',
      '{"level":"ERROR","tookMs":3,"service":"pay"}',
      '{"level":"INFO","tookMs":100,"service":"pay","request":{"kind":"post"}}',
      '127.0.0.1 - - [today] "GET /" 503 42',
      '127.0.0.1 - - [today] "GET /" 200 1000',
    );
    assert.deepEqual(await total("errors"), { sum: 5, count: 5, unit: "Count" });
    const paid = await total("latency", { service: "pay", kind: "post" });
    assert.deepEqual(paid, { sum: 19.5, count: 2, unit: "Milliseconds" });
    assert.deepEqual(await total("latency"), { sum: 0, count: 0, unit: undefined });
    assert.deepEqual(await total("bytes", { status: "503" }), { sum: 42, count: 1, unit: "None" });
    const listed = await cloudWatch.send(new ListMetricsCommand({ Namespace: "Orders" }));
    assert.equal(listed.Metrics?.length, 3);
  });

  test("the default value stands for events of which none matches", async () => {
    await put("rare", "RARE", { metricValue: "5", defaultValue: 0.5 });
    await write("nothing");
    const { sum, count } = await total("rare");
    assert.deepEqual({ sum, count }, { sum: 0.5, count: 1 });
    await write("RARE", "nothing");
    assert.equal((await total("rare")).sum, 5.5);
  });

  test("filters are found, replaced and deleted", async () => {
    await logs.send(new CreateLogGroupCommand({ logGroupName: "/app/other" }));
    const metric = { metricName: "m", metricNamespace: "Other", metricValue: "1" };
    await logs.send(
      new PutMetricFilterCommand({
        logGroupName: "/app/other",
        filterName: "all",
        filterPattern: "",
        metricTransformations: [metric],
      }),
    );
    const found = async (input: object) => {
      const names: string[] = [];
      const pages = paginateDescribeMetricFilters({ client: logs, pageSize: 2 }, input);
      for await (const page of pages)
        names.push(
          ...(page.metricFilters ?? []).map((filter) => `${filter.logGroupName} ${filter.filterName}`),
        );
      return names;
    };
    const mine = ["bytes", "errors", "latency", "rare"].map((name) => `${GROUP} ${name}`);
    assert.deepEqual(await found({ logGroupName: GROUP }), mine);
    assert.deepEqual(await found({}), [...mine, "/app/other all"].sort());
    assert.deepEqual(await found({ logGroupName: GROUP, filterNamePrefix: "l" }), [`${GROUP} latency`]);
    assert.deepEqual(await found({ metricName: "m", metricNamespace: "Other" }), ["/app/other all"]);
    await put("errors", "FATAL", { metricName: "fatal" });
    for await (const { metricFilters } of paginateDescribeMetricFilters(
      { client: logs },
      { filterNamePrefix: "errors" },
    ))
      assert.deepEqual(
        metricFilters?.map(({ creationTime, ...filter }) => ({ ...filter, made: typeof creationTime })),
        [
          {
            filterName: "errors",
            filterPattern: "FATAL",
            logGroupName: GROUP,
            metricTransformations: [{ metricName: "fatal", metricNamespace: "Orders", metricValue: "1" }],
            applyOnTransformedLogs: false,
            made: "number",
          },
        ],
      );
    const groups = await logs.send(new DescribeLogGroupsCommand({ logGroupNamePrefix: GROUP }));
    assert.equal(groups.logGroups?.[0]?.metricFilterCount, 4);
    const remove = new DeleteMetricFilterCommand({ logGroupName: GROUP, filterName: "errors" });
    await logs.send(remove);
    await assert.rejects(
      logs.send(remove),
      (error) =>
        error instanceof ResourceNotFoundException &&
        error.message === "The specified metric filter does not exist.",
    );
  });

  test("what AWS refuses is refused in its words", async () => {
    await assert.rejects(
      put("x", JSON_PATTERN, { defaultValue: 0, dimensions: { a: "$.a" } }),
      refused(
        "Invalid metric transformation: dimensions and default value are mutually exclusive properties",
      ),
    );
    await assert.rejects(
      put("x", "ERROR", { dimensions: { a: "$.a" } }),
      refused("The specified filter pattern does not support dimensions"),
    );
    await assert.rejects(put("x", "{ $.a", {}), refused("Invalid filter pattern"));
    await assert.rejects(put("x", "ERROR", { metricValue: "length" }), InvalidParameterException);
    await assert.rejects(put("x", FIELDS_PATTERN, { metricValue: "$none" }), InvalidParameterException);
    await assert.rejects(put("x", "ERROR", { metricNamespace: "AWS/Lambda" }), InvalidParameterException);
  });

  test("TestMetricFilter tells what matches, and the values", async () => {
    const matches = async (filterPattern: string, ...logEventMessages: string[]) =>
      (await logs.send(new TestMetricFilterCommand({ filterPattern, logEventMessages }))).matches;
    assert.deepEqual(await matches("two", "one", "one two"), [
      { eventNumber: 2, eventMessage: "one two", extractedValues: {} },
    ]);
    const line = '127.0.0.1 - frank [today] "GET /" 500 1534';
    assert.deepEqual(await matches(FIELDS_PATTERN, line), [
      {
        eventNumber: 1,
        eventMessage: line,
        extractedValues: { $ip: "127.0.0.1", $status: "500", $bytes: "1534" },
      },
    ]);
    const event = '{"a":{"b":[1,2]},"c":"$.no"}';
    assert.deepEqual(await matches('{ $.a.b[1] = 2 && $.c = "$.no" }', event), [
      { eventNumber: 1, eventMessage: event, extractedValues: { "$.a.b[1]": "2", "$.c": "$.no" } },
    ]);
  });

  test("PutLogEvents answers a sequence token, and takes any", async () => {
    const { nextSequenceToken, rejectedLogEventsInfo } = await write("once");
    assert.match(nextSequenceToken ?? "", /^\d{56}$/);
    assert.equal(rejectedLogEventsInfo, undefined);
  });
});
