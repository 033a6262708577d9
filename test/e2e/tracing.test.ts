import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { InvokeCommand, type LambdaClient } from "@aws-sdk/client-lambda";
import { deploy, invoke, lambdaClient } from "../support/deploy.ts";
import { type RunningLambent, startLambent } from "../support/start-lambent.ts";

const HANDLER = `
exports.handler = async () => {
  const response = await fetch("http://" + process.env.AWS_LAMBDA_METADATA_API + "/2026-01-15/metadata/execution-environment", {
    headers: { authorization: "Bearer " + process.env.AWS_LAMBDA_METADATA_TOKEN },
  });
  return { trace: process.env._X_AMZN_TRACE_ID, metadata: await response.json() };
};`;
const GIVEN = "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1";

interface Seen {
  readonly trace: string;
  readonly metadata: object;
}

describe("a function sees", () => {
  let lambent: RunningLambent;
  let lambda: LambdaClient;
  before(async () => {
    lambent = await startLambent();
    lambda = lambdaClient(lambent.endpoint);
    for (const Mode of ["Active", "PassThrough"] as const)
      await deploy(lambda, Mode, { "index.js": HANDLER }, { TracingConfig: { Mode } });
  });
  after(() => lambent?.stop());

  test("with active tracing a sampled trace of its own, which is in the report", async () => {
    const { body, log } = await invoke(lambda, "Active");
    const { trace } = body as Seen;
    const [, root, parent] =
      /^Root=(1-[0-9a-f]{8}-[0-9a-f]{24});Parent=([0-9a-f]{16});Sampled=1;Lineage=1:[0-9a-f]{8}:0$/.exec(
        trace,
      ) ?? [];
    assert.ok(root !== undefined, trace);
    assert.ok(log.endsWith(`\t\nXRAY TraceId: ${root}\tSegmentId: ${parent}\tSampled: true\t\n`), log);
  });

  test("without active tracing one that is not sampled, and no line about it", async () => {
    const { body, log } = await invoke(lambda, "PassThrough");
    assert.match((body as Seen).trace, /;Sampled=0;Lineage=/);
    assert.doesNotMatch(log, /XRAY/);
  });

  test("the trace of its caller", async () => {
    const command = new InvokeCommand({ FunctionName: "PassThrough" });
    command.middlewareStack.add(
      (next) => (args) => {
        (args.request as { headers: Record<string, string> }).headers["x-amzn-trace-id"] = GIVEN;
        return next(args);
      },
      { step: "build" },
    );
    const { Payload } = await lambda.send(command);
    const { trace } = JSON.parse(Buffer.from(Payload ?? []).toString()) as Seen;
    assert.match(trace, new RegExp(`^${GIVEN};Lineage=1:[0-9a-f]{8}:0$`));
  });

  test("its Availability Zone", async () => {
    const { body } = await invoke(lambda, "PassThrough");
    assert.deepEqual((body as Seen).metadata, { AvailabilityZoneID: "use1-az1" });
  });
});
