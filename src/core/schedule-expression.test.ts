import assert from "node:assert/strict";
import { test } from "node:test";
import { instantOf, isTimeZone, parseScheduleExpression } from "./schedule-expression.ts";

test("rates have a number and the unit in its number", () => {
  assert.deepEqual(parseScheduleExpression("rate(1 minute)"), { kind: "rate", everyMs: 60_000 });
  assert.deepEqual(parseScheduleExpression("rate(5 hours)"), { kind: "rate", everyMs: 18_000_000 });
  for (const text of [
    "rate(1 minutes)",
    "rate(2 day)",
    "rate(0 minutes)",
    "rate(-1 days)",
    "rate(5 seconds)",
    "rate()",
  ])
    assert.equal(parseScheduleExpression(text), undefined, text);
});

test("one-time expressions are read in their time zone", () => {
  const instant = (text: string, timeZone: string): string => {
    const expression = parseScheduleExpression(text);
    assert.equal(expression?.kind, "at");
    return new Date(instantOf(expression.localTime, timeZone)).toISOString();
  };
  assert.equal(instant("at(2024-07-01T12:00:00)", "UTC"), "2024-07-01T12:00:00.000Z");
  assert.equal(instant("at(2024-07-01T12:00:00)", "Europe/Berlin"), "2024-07-01T10:00:00.000Z");
  assert.equal(instant("at(2024-01-01T00:30:00)", "Asia/Kolkata"), "2023-12-31T19:00:00.000Z");
  // There twice: the first. Left out: an hour later.
  assert.equal(instant("at(2024-11-03T01:30:00)", "America/New_York"), "2024-11-03T05:30:00.000Z");
  assert.equal(instant("at(2024-03-10T02:30:00)", "America/New_York"), "2024-03-10T07:30:00.000Z");
  for (const text of ["at(2024-02-30T00:00:00)", "at(2024-02-01)", "at(2024-02-01T00:00:00Z)", "at(soon)"])
    assert.equal(parseScheduleExpression(text), undefined, text);
});

test("time zones are those of the tz database", () => {
  assert.ok(isTimeZone("Europe/Zurich"));
  assert.ok(!isTimeZone("Europe/Nowhere"));
});
