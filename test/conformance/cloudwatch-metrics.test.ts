import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import {
  CloudWatchClient,
  type Datapoint,
  GetMetricDataCommand,
  GetMetricStatisticsCommand,
  InvalidNextToken,
  InvalidParameterCombinationException,
  InvalidParameterValueException,
  ListMetricsCommand,
  type MetricDatum,
  MissingRequiredParameterException,
  PutMetricDataCommand,
  paginateGetMetricData,
  paginateListMetrics,
} from "@aws-sdk/client-cloudwatch";
import { cloudWatchService } from "../../src/aws-api/services/cloudwatch/cloudwatch-service.ts";
import { type CloudWatchMetrics, openCloudWatchMetrics } from "../../src/metrics/cloudwatch-metrics.ts";
import { ManualClock } from "../support/manual-clock.ts";
import { MemoryLogStore } from "../support/memory-log-store.ts";
import { MemoryKeyValueStore } from "../support/memory-store.ts";
import { type ProtocolServer, startProtocolServer } from "../support/protocol-server.ts";

const MINUTE_MS = 60_000;

describe("CloudWatch metrics with the JS SDK", () => {
  const clock = new ManualClock();
  let metrics: CloudWatchMetrics;
  let server: ProtocolServer;
  let client: CloudWatchClient;
  /** The beginning of a minute. */
  let nowMs: number;

  before(async () => {
    clock.advance(MINUTE_MS - (clock.nowMs() % MINUTE_MS));
    nowMs = clock.nowMs();
    const logs = new MemoryLogStore(() => clock.nowMs());
    metrics = await openCloudWatchMetrics({ clock, logs, keyValue: new MemoryKeyValueStore() });
    server = await startProtocolServer([cloudWatchService({ metrics })]);
    client = new CloudWatchClient({
      endpoint: server.endpoint,
      region: "eu-west-1",
      credentials: { accessKeyId: "test", secretAccessKey: "test" },
      maxAttempts: 1,
    });
  });
  after(async () => {
    client.destroy();
    await server.close();
    await metrics.close();
    assert.deepEqual(server.logged, []);
  });

  const put = (Namespace: string, ...MetricData: MetricDatum[]) =>
    client.send(new PutMetricDataCommand({ Namespace, MetricData }));
  const minutesAgo = (minutes: number): Date => new Date(nowMs - minutes * MINUTE_MS);
  const range = () => ({ StartTime: minutesAgo(10), EndTime: minutesAgo(-1) });

  async function statistics(
    Namespace: string,
    MetricName: string,
    options: Partial<ConstructorParameters<typeof GetMetricStatisticsCommand>[0]> = {},
  ): Promise<Datapoint[]> {
    const { Datapoints } = await client.send(
      new GetMetricStatisticsCommand({
        Namespace,
        MetricName,
        Period: 60,
        Statistics: ["Sum"],
        ...range(),
        ...options,
      }),
    );
    return Datapoints ?? [];
  }

  test("values, counted values and statistic sets become statistics", async () => {
    const Timestamp = minutesAgo(2);
    await put(
      "Shop",
      { MetricName: "Size", Value: 3, Unit: "Bytes", Timestamp },
      { MetricName: "Size", Values: [1, 8], Counts: [2, 1], Unit: "Bytes", Timestamp },
      { MetricName: "Size", Value: 5, Unit: "Bytes", Timestamp: minutesAgo(1) },
      { MetricName: "Size", Value: 7, Unit: "Seconds", Timestamp: minutesAgo(1) },
      {
        MetricName: "Set",
        StatisticValues: { SampleCount: 4, Sum: 10, Minimum: 1, Maximum: 5 },
        Timestamp,
      },
    );
    const Statistics = ["SampleCount", "Average", "Sum", "Minimum", "Maximum"] as const;
    const bytes = await statistics("Shop", "Size", { Statistics: [...Statistics], Unit: "Bytes" });
    assert.deepEqual(bytes, [
      { Timestamp, Unit: "Bytes", SampleCount: 4, Average: 3.25, Sum: 13, Minimum: 1, Maximum: 8 },
      { Timestamp: minutesAgo(1), Unit: "Bytes", SampleCount: 1, Average: 5, Sum: 5, Minimum: 5, Maximum: 5 },
    ]);
    assert.deepEqual((await statistics("Shop", "Size")).map(({ Unit, Sum }) => `${Unit} ${Sum}`).sort(), [
      "Bytes 13",
      "Bytes 5",
      "Seconds 7",
    ]);
    const five = await statistics("Shop", "Size", { Period: 300, Unit: "Bytes" });
    assert.deepEqual(
      five.map(({ Timestamp: at, Sum }) => [at, Sum]),
      [[minutesAgo(5), 18]],
    );
    const set = await statistics("Shop", "Set", { Statistics: undefined, ExtendedStatistics: ["p50"] });
    assert.deepEqual(set, [{ Timestamp, Unit: "None" }]);
    const [percentiles] = await statistics("Shop", "Size", {
      Statistics: undefined,
      ExtendedStatistics: ["p0", "p50", "p100"],
      Unit: "Bytes",
    });
    assert.ok(Math.abs((percentiles?.ExtendedStatistics?.p50 ?? 0) - 1) < 0.03);
    assert.equal(percentiles?.ExtendedStatistics?.p0, 1);
    assert.equal(percentiles?.ExtendedStatistics?.p100, 8);
    assert.deepEqual(await statistics("Shop", "Absent"), []);
  });

  test("dimensions tell metrics apart, in any order", async () => {
    const a = { Name: "A", Value: "1" };
    const b = { Name: "B", Value: "2" };
    await put("Dimensions", { MetricName: "Hits", Dimensions: [a, b], Value: 1 });
    await put("Dimensions", { MetricName: "Hits", Dimensions: [b, a], Value: 2 });
    await put("Dimensions", { MetricName: "Hits", Dimensions: [a], Value: 4 });
    const sum = async (Dimensions: (typeof a)[]) =>
      (await statistics("Dimensions", "Hits", { Dimensions }))[0]?.Sum;
    assert.deepEqual(
      [await sum([a, b]), await sum([b, a]), await sum([a]), await sum([])],
      [3, 3, 4, undefined],
    );
    const list = async (Dimensions: { Name: string; Value?: string }[]) => {
      const found = await client.send(new ListMetricsCommand({ Namespace: "Dimensions", Dimensions }));
      return found.Metrics?.map(({ Dimensions: of }) => (of ?? []).map(({ Name }) => Name).join(""))?.sort();
    };
    assert.deepEqual(await list([{ Name: "A" }]), ["A", "AB"]);
    assert.deepEqual(await list([{ Name: "B", Value: "2" }]), ["AB"]);
    assert.deepEqual(await list([{ Name: "B", Value: "3" }]), []);
  });

  const stat = (Id: string, MetricName: string) => ({
    Id,
    MetricStat: { Metric: { Namespace: "Data", MetricName }, Period: 60, Stat: "Sum" },
  });
  const queries = [
    stat("hits", "Hits"),
    { ...stat("faults", "Faults"), ReturnData: false },
    { Id: "rate", Expression: "100 * faults / (hits - 0)", Label: "Rate" },
    { Id: "filled", Expression: "FILL(faults, 0)" },
    { Id: "both", Expression: "SUM([hits, faults]) - SUM(faults)" },
  ];

  test("GetMetricData: queries, expressions, order and labels", async () => {
    for (let minute = 1; minute <= 4; minute++)
      await put(
        "Data",
        { MetricName: "Hits", Value: 10 * minute, Timestamp: minutesAgo(minute) },
        ...(minute > 1 ? [{ MetricName: "Faults", Value: minute, Timestamp: minutesAgo(minute) }] : []),
      );
    const answer = await client.send(new GetMetricDataCommand({ MetricDataQueries: queries, ...range() }));
    const found = Object.fromEntries((answer.MetricDataResults ?? []).map((result) => [result.Id, result]));
    assert.deepEqual(Object.keys(found), ["hits", "rate", "filled", "both"]);
    const { hits, rate, filled, both } = found;
    assert.deepEqual(hits?.Values, [10, 20, 30, 40]);
    assert.deepEqual(hits?.Timestamps?.[0], minutesAgo(1));
    assert.deepEqual([hits?.Label, rate?.Label, hits?.StatusCode], ["Hits", "Rate", "Complete"]);
    const calculated = [rate, filled, both].map((result) => result?.Values);
    assert.deepEqual(calculated, [
      [10, 10, 10],
      [0, 0, 2, 3, 4, 0, 0, 0, 0, 0, 0],
      [1, 13, 24, 35],
    ]);
  });

  test("GetMetricData gives pages over all queries", async () => {
    const pages = paginateGetMetricData(
      { client },
      { MetricDataQueries: queries.slice(0, 3), ScanBy: "TimestampAscending", MaxDatapoints: 3, ...range() },
    );
    const values: [string | undefined, number][] = [];
    for await (const page of pages)
      for (const { Id, Values } of page.MetricDataResults ?? [])
        for (const value of Values ?? []) values.push([Id, value]);
    assert.deepEqual(values, [
      ...[40, 30, 20, 10].map((value) => ["hits", value]),
      ...[10, 10, 10].map((value) => ["rate", value]),
    ]);
  });

  test("points of high resolution are read by the second", async () => {
    const MetricName = "Fast";
    for (const second of [1, 2, 8])
      await put("High", {
        MetricName,
        Value: second,
        Timestamp: new Date(nowMs - MINUTE_MS + second * 1000),
        StorageResolution: 1,
      });
    const options = { StartTime: minutesAgo(1), EndTime: minutesAgo(0) };
    const sums = async (Period: number) =>
      (await statistics("High", MetricName, { Period, ...options })).map(({ Sum }) => Sum);
    assert.deepEqual(await sums(1), [1, 2, 8]);
    assert.deepEqual(await sums(5), [3, 8]);
    assert.deepEqual(await sums(60), [11]);
  });

  test("ListMetrics pages, and forgets what has had no values for two weeks", async () => {
    for (let part = 0; part < 3; part++)
      await put(
        "Many",
        ...Array.from({ length: 400 }, (_, index) => ({ MetricName: `m${part}-${index}`, Value: 1 })),
      );
    const names = new Set<string | undefined>();
    let pages = 0;
    for await (const page of paginateListMetrics({ client }, { Namespace: "Many" })) {
      pages++;
      for (const { MetricName } of page.Metrics ?? []) names.add(MetricName);
    }
    assert.deepEqual([pages, names.size], [3, 1200]);
    await assert.rejects(client.send(new ListMetricsCommand({ NextToken: "?" })), InvalidNextToken);
    await put("Old", { MetricName: "Old", Value: 1, Timestamp: minutesAgo(14 * 24 * 60 - 1) });
    await put("Old", { MetricName: "Recent", Value: 1 });
    const list = async (RecentlyActive?: "PT3H") => {
      const { Metrics } = await client.send(new ListMetricsCommand({ Namespace: "Old", RecentlyActive }));
      return Metrics?.map(({ MetricName }) => MetricName).sort();
    };
    assert.deepEqual(await list(), ["Old", "Recent"]);
    assert.deepEqual(await list("PT3H"), ["Recent"]);
    clock.advance(5 * MINUTE_MS);
    assert.deepEqual(await list(), ["Recent"]);
    nowMs = clock.nowMs();
  });

  test("refuses what AWS refuses, with its errors", async () => {
    const refusal = async (
      promise: Promise<unknown>,
      type: new (...of: never[]) => Error,
      text: RegExp | string,
    ) =>
      assert.rejects(promise, (error: Error) => {
        assert.ok(error instanceof type, `${error.name}: ${error.message}`);
        if (typeof text === "string") assert.equal(error.message, text);
        else assert.match(error.message, text);
        return true;
      });
    const datum = { MetricName: "M", Value: 1 };
    const invalid = InvalidParameterValueException;
    await refusal(
      put("AWS/Lambda", datum),
      invalid,
      "The value AWS/Lambda for parameter Namespace is invalid.",
    );
    await refusal(
      put("N", { ...datum, Values: [1] }),
      InvalidParameterCombinationException,
      "The parameters MetricData.member.1.Value and MetricData.member.1.Values are mutually exclusive and you have specified both.",
    );
    await refusal(put("N", { MetricName: "M" }), MissingRequiredParameterException, /must be specified/);
    await refusal(
      put("N", { MetricName: "M", Values: [1, 2], Counts: [1] }),
      invalid,
      "The parameters MetricData.member.1.Values and MetricData.member.1.Counts must be of the same size.",
    );
    await refusal(
      put("N", { ...datum, Timestamp: minutesAgo(15 * 24 * 60) }),
      invalid,
      /two weeks in the past/,
    );
    await refusal(put("N", { ...datum, Timestamp: minutesAgo(-121) }), invalid, /two hours in the future/);
    await refusal(
      put("N", { MetricName: "M", Value: 2 ** 361 }),
      invalid,
      /MetricData.member.1.Value is invalid/,
    );
    const many = Array.from({ length: 1001 }, () => datum);
    await refusal(
      put("N", ...many),
      invalid,
      "The collection MetricData must not have a size greater than 1000.",
    );
    await refusal(
      statistics("N", "M", { StartTime: minutesAgo(1), EndTime: minutesAgo(1) }),
      invalid,
      "The parameter StartTime must be less than the parameter EndTime.",
    );
    await refusal(
      statistics("N", "M", { StartTime: minutesAgo(1441), EndTime: minutesAgo(0) }),
      InvalidParameterCombinationException,
      "You have requested up to 1,441 datapoints, which exceeds the limit of 1,440. You may reduce the datapoints requested by increasing Period, or decreasing the time range.",
    );
    await refusal(
      statistics("N", "M", { Statistics: undefined }),
      MissingRequiredParameterException,
      /must be specified/,
    );
    await refusal(
      statistics("N", "M", { Statistics: undefined, ExtendedStatistics: ["tm99"] }),
      invalid,
      "The statistic tm99 is not supported by this version of Lambent.",
    );
    const expression = (Expression: string) =>
      client.send(new GetMetricDataCommand({ MetricDataQueries: [{ Id: "e1", Expression }], ...range() }));
    await assert.rejects(expression("m9 + 1"), /Error in expression 'e1': Undefined variable m9/);
    await assert.rejects(expression("e1 + 1"), /refers to itself/);
    await assert.rejects(expression("1 +"), /Unexpected end of expression/);
    await assert.rejects(expression("ANOMALY_DETECTION_BAND(e2)"), /ANOMALY_DETECTION_BAND is not supported/);
    await assert.rejects(expression("SEARCH('{A}', 'Sum')"), /is not supported by this version/);
  });
});
