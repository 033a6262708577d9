import assert from "node:assert/strict";
import { test } from "node:test";
import { exitOfStatus } from "./exit-status.ts";

test("a shell's status tells of an exit or of a signal", () => {
  assert.deepEqual(exitOfStatus(0), { code: 0, signal: null });
  assert.deepEqual(exitOfStatus(3), { code: 3, signal: null });
  assert.deepEqual(exitOfStatus(137), { code: null, signal: "SIGKILL" });
  assert.deepEqual(exitOfStatus(143), { code: null, signal: "SIGTERM" });
  assert.deepEqual(exitOfStatus(255), { code: 255, signal: null });
});
