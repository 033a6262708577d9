import assert from "node:assert/strict";
import { test } from "node:test";
import { applicationLogFilter } from "./application-log-level.ts";

const TIME = "2024-11-02T16:51:31.587199Z";

const logging = (logFormat: "Text" | "JSON", applicationLogLevel?: string) => ({
  logFormat,
  logGroup: "group",
  ...(applicationLogLevel !== undefined && { applicationLogLevel }),
});

const line = (event: unknown): string => `${JSON.stringify(event)}\n`;

for (const [what, level, event, isWanted] of [
  ["AWS's example, below the level", "INFO", { level: "debug", msg: "mine", timestamp: TIME }, false],
  ["of the level", "WARN", { level: "WARN", timestamp: TIME }, true],
  ["above the level", "WARN", { level: "fatal", timestamp: TIME }, true],
  ["the time as Go's slog names it", "WARN", { level: "INFO", time: "2024-11-02T16:51:31+01:00" }, false],
  ["a level as Python names it", "ERROR", { level: "WARNING", timestamp: TIME }, false],
  ["another one", "ERROR", { level: "CRITICAL", timestamp: TIME }, true],
  ["an unknown level is INFO", "INFO", { level: 10, timestamp: TIME }, true],
  ["an unknown level is not more than INFO", "WARN", { level: "loud", timestamp: TIME }, false],
  ["without a valid time it is INFO", "INFO", { level: "DEBUG", timestamp: "yesterday" }, true],
  ["no more than that", "WARN", { level: "DEBUG" }, false],
  [
    "an error is one, whatever its time",
    "WARN",
    { level: "ERROR", timestamp: "2026-11-22 12:32:54,123+0000" },
    true,
  ],
  ["without a level it is let through", "FATAL", { _aws: { Timestamp: 1 }, timestamp: TIME }, true],
  ["with a level further inside", "FATAL", { inner: { level: "DEBUG" }, timestamp: TIME }, true],
  ["everything", "TRACE", { level: "TRACE", timestamp: TIME }, true],
  ["INFO when nothing is said", undefined, { level: "DEBUG", timestamp: TIME }, false],
] as const) {
  test(`a printed object: ${what}`, () => {
    assert.equal(applicationLogFilter(logging("JSON", level))(line(event)), isWanted);
  });
}

test("what is no object is let through, and all of it with the format Text", () => {
  const filter = applicationLogFilter(logging("JSON", "FATAL"));
  for (const text of ["plain\n", '{"level":"DEBUG"\n', '["level"]\n', '"level"\n', "\n"])
    assert.ok(filter(text), text);
  assert.ok(applicationLogFilter(logging("Text"))(line({ level: "TRACE", timestamp: TIME })));
});
