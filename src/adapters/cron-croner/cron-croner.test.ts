import assert from "node:assert/strict";
import { test } from "node:test";
import { compileCron } from "./cron-croner.ts";

/** The next times after a start, in UTC. */
function times(fields: string, options: { from: string; timeZone?: string; count?: number }): string[] {
  const cron = compileCron(fields, options.timeZone ?? "UTC");
  assert.ok(cron, `${fields} is read`);
  const found: string[] = [];
  let at = Date.parse(options.from);
  for (let count = options.count ?? 3; count > 0; count--) {
    const next = cron.nextAfter(at);
    if (next === undefined) break;
    found.push(new Date(next).toISOString().slice(0, 16));
    at = next;
  }
  return found;
}

const CASES: [string, string, string[]][] = [
  ["0 10 * * ? *", "2024-01-01T10:00:00Z", ["2024-01-02T10:00", "2024-01-03T10:00", "2024-01-04T10:00"]],
  ["0/15 * * * ? *", "2024-01-01T10:01:00Z", ["2024-01-01T10:15", "2024-01-01T10:30", "2024-01-01T10:45"]],
  ["*/20 12 * * ? *", "2024-01-01T10:01:00Z", ["2024-01-01T12:00", "2024-01-01T12:20", "2024-01-01T12:40"]],
  ["0 0 L * ? *", "2024-02-01T00:00:00Z", ["2024-02-29T00:00", "2024-03-31T00:00", "2024-04-30T00:00"]],
  ["0 0 15W * ? *", "2024-06-01T00:00:00Z", ["2024-06-14T00:00", "2024-07-15T00:00", "2024-08-15T00:00"]],
  ["0 0 LW * ? *", "2024-06-01T00:00:00Z", ["2024-06-28T00:00", "2024-07-31T00:00", "2024-08-30T00:00"]],
  ["0 0 ? * 6#3 *", "2024-06-01T00:00:00Z", ["2024-06-21T00:00", "2024-07-19T00:00", "2024-08-16T00:00"]],
  ["0 0 ? * 6L *", "2024-06-01T00:00:00Z", ["2024-06-28T00:00", "2024-07-26T00:00", "2024-08-30T00:00"]],
  ["0 0 ? * L *", "2024-06-01T00:00:00Z", ["2024-06-08T00:00", "2024-06-15T00:00", "2024-06-22T00:00"]],
  [
    "0 18 ? * MON-FRI *",
    "2024-06-07T18:00:00Z",
    ["2024-06-10T18:00", "2024-06-11T18:00", "2024-06-12T18:00"],
  ],
  ["0 8 1 JAN,JUL ? 2024-2025", "2024-07-01T08:00:00Z", ["2025-01-01T08:00", "2025-07-01T08:00"]],
  ["0 8 29 2 ? *", "2024-03-01T08:00:00Z", ["2028-02-29T08:00", "2032-02-29T08:00", "2036-02-29T08:00"]],
  ["0 0 ? * 1 *", "2024-06-01T00:00:00Z", ["2024-06-02T00:00", "2024-06-09T00:00", "2024-06-16T00:00"]],
];

for (const [fields, from, expected] of CASES)
  test(`cron(${fields})`, () => assert.deepEqual(times(fields, { from }), expected));

test("times are those of the time zone, through both changes of the clock", () => {
  const timeZone = "America/New_York";
  assert.deepEqual(times("30 9 * * ? *", { from: "2024-03-09T00:00:00Z", timeZone }), [
    "2024-03-09T14:30",
    "2024-03-10T13:30",
    "2024-03-11T13:30",
  ]);
  // 02:30 does not exist on 10 March 2024: it is skipped.
  assert.deepEqual(times("30 2 * * ? *", { from: "2024-03-09T00:00:00Z", timeZone, count: 2 }), [
    "2024-03-09T07:30",
    "2024-03-11T06:30",
  ]);
  // 01:30 is there twice on 3 November 2024: it runs once.
  assert.deepEqual(times("30 1 * * ? *", { from: "2024-11-02T00:00:00Z", timeZone }), [
    "2024-11-02T05:30",
    "2024-11-03T05:30",
    "2024-11-04T06:30",
  ]);
});

test("what AWS does not take is no expression", () => {
  for (const fields of [
    "0 10 * * * *",
    "0 10 ? * ? *",
    "0 10 * * ?",
    "60 10 * * ? *",
    "0 24 * * ? *",
    "0 10 * 13 ? *",
    "0 10 ? * 8 *",
    "0 10 ? * 0 *",
    "@daily",
    "a b c d e f",
    "",
  ])
    assert.equal(compileCron(fields, "UTC"), undefined, fields);
});
