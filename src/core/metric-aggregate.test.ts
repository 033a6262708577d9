import assert from "node:assert/strict";
import { test } from "node:test";
import { MetricAggregate } from "./metric-aggregate.ts";

const of = (...values: number[]): MetricAggregate => {
  const aggregate = new MetricAggregate();
  for (const value of values) aggregate.add(value);
  return aggregate;
};

test("counts, sums, and knows the extremes", () => {
  const { count, sum, min, max, average } = of(4, 1, 7);
  assert.deepEqual([count, sum, min, max, average], [3, 12, 1, 7, 4]);
});

test("percentiles are within three percent, over merging and storing", () => {
  const values = Array.from({ length: 1000 }, (_, index) => (index + 1) * 0.37);
  const merged = of(...values.slice(0, 400));
  merged.merge(MetricAggregate.decode(of(...values.slice(400)).encode()));
  for (const percent of [1, 50, 90, 99, 99.9]) {
    const exact = values[Math.ceil((percent / 100) * values.length) - 1] ?? 0;
    const found = merged.percentile(percent) ?? 0;
    assert.ok(Math.abs(found - exact) <= exact * 0.03, `p${percent}: ${found} for ${exact}`);
  }
  assert.equal(merged.percentile(0), values[0]);
  assert.equal(merged.percentile(100), values.at(-1));
});

test("there is no percentile of negative values or of statistic sets whose values are not known", () => {
  assert.equal(of(1, -1).percentile(50), undefined);
  const set = of(1);
  set.addSet({ count: 2, sum: 5, min: 1, max: 4 });
  assert.equal(set.percentile(50), undefined);
  assert.equal(MetricAggregate.decode(set.encode()).percentile(50), undefined);
  const same = of(0);
  same.addSet({ count: 3, sum: 6, min: 2, max: 2 });
  assert.equal(same.percentile(50), 2);
  assert.equal(same.percentile(25), 0);
});
