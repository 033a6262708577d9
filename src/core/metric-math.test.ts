import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { evaluateMetricMath, MetricMathError, type TimeSeries } from "./metric-math.ts";

const periods = { startMs: 0, endMs: 4, periodMs: 1 };
const series = (...values: (number | undefined)[]): TimeSeries => ({
  values: new Map(
    values.flatMap((value, at): [number, number][] => (value === undefined ? [] : [[at, value]])),
  ),
  periods,
});
const variables: Readonly<Record<string, TimeSeries>> = { a: series(1, 2, 3), b: series(10, undefined, 0) };
const scope = {
  variable: (id: string) => variables[id],
  metrics: () => Object.values(variables),
};

function evaluate(expression: string): unknown {
  const value = evaluateMetricMath(expression, scope);
  if (typeof value === "number") return value;
  const shown = (one: TimeSeries) => Object.fromEntries(one.values);
  return "periods" in value ? shown(value) : value.map(shown);
}

const CASES: readonly (readonly [string, unknown])[] = [
  ["1 + 2 * 3 - 4 / 2", 5],
  ["-(2 - 3) * 1.5e1", 15],
  ["10 - 2 - 3", 5],
  ["a", { 0: 1, 1: 2, 2: 3 }],
  ["a + 1", { 0: 2, 1: 3, 2: 4 }],
  ["-a", { 0: -1, 1: -2, 2: -3 }],
  ["a + b", { 0: 11, 2: 3 }],
  ["a / b", { 0: 0.1 }],
  ["SUM(a)", 6],
  ["AVG(a) + MIN(a) * MAX(a)", 5],
  ["SUM([a, b])", { 0: 11, 1: 2, 2: 3 }],
  ["MAX(METRICS())", { 0: 10, 1: 2, 2: 3 }],
  [
    "[a, b] * 2",
    [
      { 0: 2, 1: 4, 2: 6 },
      { 0: 20, 2: 0 },
    ],
  ],
  ["FILL(b, 7)", { 0: 10, 1: 7, 2: 0, 3: 7 }],
  ["ABS(a - FILL(b, 0))", { 0: 9, 1: 2, 2: 3 }],
];
for (const [expression, expected] of CASES)
  test(`metric math: ${expression}`, () => assert.deepEqual(evaluate(expression), expected));

const REFUSED: readonly (readonly [string, string, string | undefined])[] = [
  ["", "Unexpected end of expression", undefined],
  ["a +", "Unexpected end of expression", undefined],
  ["(a", "Missing )", undefined],
  ["a b", "Unexpected b", undefined],
  ["c", "Undefined variable c", undefined],
  ["SUM()", "SUM does not take these parameters", undefined],
  ["FILL(1, 2)", "A time series is needed, not a number", undefined],
  ["a > 1", "The operator > is not supported", "The operator >"],
  ["IF(a, 1, 2)", "The metric math function IF is not supported", "The metric math function IF"],
  ["SELECT AVG(x) FROM y", "A Metrics Insights query is not supported", "A Metrics Insights query"],
  ["[a, b] + [a, b]", "An operation on two arrays is not supported", "An operation on two arrays"],
  [`${"(".repeat(100)}1`, "The expression is nested too deeply", undefined],
];
for (const [expression, message, unsupported] of REFUSED)
  test(`metric math refuses: ${expression.slice(0, 30)}`, () =>
    assert.throws(
      () => evaluate(expression),
      (error: MetricMathError) => {
        assert.deepEqual([error.message, error.unsupported], [message, unsupported]);
        return true;
      },
    ));

test("metric math gives a value or says what is wrong, whatever it is given", () => {
  const token = fc.constantFrom(
    "a",
    "b",
    "c",
    "1",
    "2.5",
    "+",
    "-",
    "*",
    "/",
    "(",
    ")",
    "[",
    "]",
    ",",
    "SUM",
    "FILL",
    "'x'",
  );
  fc.assert(
    fc.property(fc.array(token, { maxLength: 12 }), (tokens) => {
      try {
        evaluate(tokens.join(" "));
      } catch (error) {
        assert.ok(error instanceof MetricMathError, String(error));
      }
    }),
    { numRuns: 500 },
  );
});
