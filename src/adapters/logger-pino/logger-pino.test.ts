import assert from "node:assert/strict";
import { test } from "node:test";
import { createPinoLogger } from "./logger-pino.ts";

test("writes one JSON object per line with level, message and members", () => {
  const lines: string[] = [];
  const log = createPinoLogger({ level: "warn", readable: false, write: (line) => lines.push(line) });
  log.info("not written", {});
  log.warn("disk is slow", { fsyncMs: 42 });
  assert.equal(lines.length, 1);
  const record = JSON.parse(lines[0] ?? "");
  assert.deepEqual(
    { level: record.level, msg: record.msg, fsyncMs: record.fsyncMs, name: record.name },
    { level: 40, msg: "disk is slow", fsyncMs: 42, name: "lambent" },
  );
});

test("writes lines for a person, with the stack of an error", () => {
  const lines: string[] = [];
  const log = createPinoLogger({ level: "debug", readable: true, write: (line) => lines.push(line) });
  log.error("environment lost", { functionName: "hello", err: new Error("boom") });
  assert.match(
    lines.join(""),
    /^\d\d:\d\d:\d\d\.\d{3} error environment lost functionName=hello\nError: boom\n\s+at /,
  );
});
