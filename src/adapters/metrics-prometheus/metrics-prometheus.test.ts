import assert from "node:assert/strict";
import { test } from "node:test";
import { createPrometheusMetrics, FUNCTION_LABELS_MAX } from "./metrics-prometheus.ts";

test("counts invocations by function and outcome, and times those that ran", async () => {
  const metrics = createPrometheusMetrics();
  metrics.invocation({ functionName: "hello", durationMs: 3, outcome: "ok" });
  metrics.invocation({ functionName: "hello", durationMs: 40, outcome: "error" });
  metrics.invocation({ functionName: "hello", durationMs: 0, outcome: "throttled" });
  const text = await metrics.text();
  for (const outcome of ["ok", "error", "throttled"])
    assert.ok(text.includes(`lambent_invocations_total{function_name="hello",outcome="${outcome}"} 1`), text);
  assert.ok(
    text.includes('lambent_invocation_duration_seconds_bucket{le="0.005",function_name="hello"} 1'),
    text,
  );
  assert.ok(text.includes('lambent_invocation_duration_seconds_count{function_name="hello"} 2'), text);
});

test("functions beyond the bound share one label", async () => {
  const metrics = createPrometheusMetrics();
  for (let index = 0; index < FUNCTION_LABELS_MAX + 20; index++)
    metrics.invocation({ functionName: `f${index}`, durationMs: 1, outcome: "ok" });
  metrics.invocation({ functionName: "f0", durationMs: 1, outcome: "ok" });
  const text = await metrics.text();
  assert.ok(text.includes('lambent_invocations_total{function_name="f0",outcome="ok"} 2'));
  assert.ok(text.includes('lambent_invocations_total{function_name="other",outcome="ok"} 20'));
  assert.ok(!text.includes(`function_name="f${FUNCTION_LABELS_MAX}"`));
});

test("a function that is gone leaves nothing, and its place to another one", async () => {
  const metrics = createPrometheusMetrics();
  for (let index = 0; index < 2 * FUNCTION_LABELS_MAX; index++) {
    metrics.invocation({ functionName: `f${index}`, durationMs: 1, outcome: "ok" });
    metrics.invocation({ functionName: `f${index}`, durationMs: 1, outcome: "error" });
    metrics.forgetFunction(`f${index}`);
  }
  metrics.forgetFunction("never invoked");
  assert.ok(!(await metrics.text()).includes("function_name="));
  metrics.invocation({ functionName: "f0", durationMs: 1, outcome: "ok" });
  const text = await metrics.text();
  assert.ok(text.includes('lambent_invocations_total{function_name="f0",outcome="ok"} 1'));
  assert.ok(text.includes('lambent_invocation_duration_seconds_count{function_name="f0"} 1'));
});

test("reports environments, cold starts, API requests and the process", async () => {
  const metrics = createPrometheusMetrics();
  metrics.environments(3, "python3.12");
  metrics.coldStart({ runtime: "python3.12", durationMs: 70 });
  metrics.apiRequest({ service: "lambda", operation: "GetFunction", status: 404, durationMs: 1 });
  const text = await metrics.text();
  assert.ok(text.includes('lambent_environments{runtime="python3.12"} 3'));
  assert.ok(text.includes('lambent_cold_start_duration_seconds_bucket{le="0.1",runtime="python3.12"} 1'));
  assert.ok(
    text.includes('lambent_api_requests_total{service="lambda",operation="GetFunction",status="404"} 1'),
    text,
  );
  assert.match(text, /process_resident_memory_bytes \d{7,}/);
  assert.match(text, /process_cpu_seconds_total 0?\.?\d/);
});
