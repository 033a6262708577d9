import assert from "node:assert/strict";
import { test } from "node:test";
import type { MetricAggregate } from "../core/metric-aggregate.ts";
import { EmbeddedMetrics } from "./embedded-metrics.ts";
import type { SeriesName } from "./metric-identity.ts";

const NOW = 1_700_000_000_000;
const STREAM = { account: "000000000000", region: "us-east-1", logGroupName: "g", logStreamName: "s" };

function taken(...messages: unknown[]): string[] {
  const found: string[] = [];
  const store = {
    add(
      { namespace, metricName, dimensions, unit }: SeriesName,
      timestampMs: number,
      value: MetricAggregate,
    ) {
      const of = dimensions.map((dimension) => `${dimension.name}=${dimension.value}`).join(",");
      found.push(
        `${namespace} ${metricName}[${of}] ${value.count}x${value.average} ${unit} ${timestampMs - NOW}`,
      );
      return true;
    },
  };
  const events = messages.map((message) => ({
    timestampMs: NOW,
    message: typeof message === "string" ? message : JSON.stringify(message),
  }));
  new EmbeddedMetrics(store as never, () => NOW).take(STREAM, events);
  return found;
}

const event = (directive: object, root: object = {}, Timestamp: unknown = NOW - 5) => ({
  _aws: { Timestamp, CloudWatchMetrics: [{ Namespace: "N", Metrics: [{ Name: "m" }], ...directive }] },
  a: "1",
  b: "2",
  m: 4,
  ...root,
});

test("every metric under every set of dimensions", () => {
  assert.deepEqual(
    taken(
      event(
        { Dimensions: [["a"], ["a", "b"]], Metrics: [{ Name: "m", Unit: "Bytes" }, { Name: "n" }] },
        { n: [1, 2] },
      ),
    ),
    [
      "N m[a=1] 1x4 Bytes -5",
      "N m[a=1,b=2] 1x4 Bytes -5",
      "N n[a=1] 2x1.5 None -5",
      "N n[a=1,b=2] 2x1.5 None -5",
    ],
  );
  assert.deepEqual(taken(event({})), ["N m[] 1x4 None -5"]);
});

test("leaves alone what is not in the format", () => {
  const wrong = [
    "text",
    "{",
    '{"CloudWatchMetrics"',
    { CloudWatchMetrics: 1 },
    { _aws: 1, CloudWatchMetrics: 1 },
    `prefix ${JSON.stringify(event({}))}`,
    event({ Namespace: "AWS/Lambda" }),
    event({ Namespace: "" }),
    event({ Dimensions: [["absent"]] }),
    event({ Dimensions: [[7]] }),
    event({ Metrics: "m" }),
    event({ Metrics: [null, { Name: 1 }, { Name: "a" }] }),
    event({}, { m: "4" }),
    event({}, { m: [] }),
    event({}, {}, "now"),
    event({}, {}, NOW - 15 * 86_400_000),
    event({}, {}, NOW + 3 * 3_600_000),
  ];
  assert.deepEqual(taken(...wrong), []);
});

test("is bounded", () => {
  const names = Array.from({ length: 200 }, (_, index) => `n${index}`);
  const many = event(
    { Metrics: names.map((Name) => ({ Name })) },
    Object.fromEntries(names.map((name) => [name, 1])),
  );
  assert.equal(taken(many).length, 100);
  assert.deepEqual(taken(event({}, { m: names.map(() => 1) })), ["N m[] 100x1 None -5"]);
});
