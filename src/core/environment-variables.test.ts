import assert from "node:assert/strict";
import { test } from "node:test";
import { checkEnvironmentVariables } from "./environment-variables.ts";

test("4 KB of JSON text is the most, counted in bytes", () => {
  const overhead = '{"KEY":""}'.length;
  checkEnvironmentVariables({ KEY: "x".repeat(4096 - overhead) });
  assert.throws(
    () => checkEnvironmentVariables({ KEY: "x".repeat(4097 - overhead) }),
    /exceeded the 4KB limit/,
  );
  assert.throws(() => checkEnvironmentVariables({ KEY: "ä".repeat(2100) }), /exceeded the 4KB limit/);
});

test("the platform's own names are reserved, its overridable defaults are not", () => {
  checkEnvironmentVariables({ PATH: "/x", LANG: "C", TZ: "Europe/Berlin", NODE_OPTIONS: "", AWS_OTHER: "y" });
  for (const name of ["AWS_SESSION_TOKEN", "_X_AMZN_TRACE_ID", "LAMBDA_TASK_ROOT"]) {
    assert.throws(() => checkEnvironmentVariables({ [name]: "x" }), {
      name: "InvalidParameterValueException",
      message: new RegExp(`Reserved keys used in this request: ${name}$`),
    });
  }
});
