import assert from "node:assert/strict";
import { test } from "node:test";
import { exited } from "./function-error.ts";

for (const [signal, text] of [
  ["SIGINT", "interrupt"],
  ["SIGSYS", "bad system call"],
  ["SIGPIPE", "broken pipe"],
  ["SIGSEGV", "segmentation fault"],
  ["SIGKILL", "killed"],
] as const) {
  test(`a runtime that ${signal} has ended is told of in AWS's words`, () => {
    const { errorType, payload } = exited("id", { code: null, signal, outOfMemory: false });
    assert.deepEqual(JSON.parse(Buffer.from(payload).toString()), {
      errorType: "Runtime.ExitError",
      errorMessage: `RequestId: id Error: Runtime exited with error: signal: ${text}`,
    });
    assert.equal(errorType, "Runtime.ExitError");
  });
}
