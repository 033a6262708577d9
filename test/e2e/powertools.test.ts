import assert from "node:assert/strict";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { CloudWatchClient, GetMetricStatisticsCommand } from "@aws-sdk/client-cloudwatch";
import { CloudWatchLogsClient, FilterLogEventsCommand } from "@aws-sdk/client-cloudwatch-logs";
import { type CreateFunctionCommandInput, CreateFunctionUrlConfigCommand } from "@aws-sdk/client-lambda";
import { clientConfiguration, deploy, invoke, lambdaClient, publishLayer } from "../support/deploy.ts";
import { commandOnHost, discoverForTests } from "../support/installed-runtimes.ts";
import { installPowertoolsForNode, installPowertoolsForPython, layerOf } from "../support/powertools.ts";
import { isInstalled } from "../support/runtime-clients.ts";
import { skipUnless } from "../support/skip.ts";
import { type RunningLambent, startLambent } from "../support/start-lambent.ts";
import { allowEverybody, requestUrl } from "../support/url-request.ts";

const NODE_FUNCTION = `
const { Logger } = require("@aws-lambda-powertools/logger");
const { search } = require("@aws-lambda-powertools/logger/correlationId");
const { Metrics } = require("@aws-lambda-powertools/metrics");
const { Tracer } = require("@aws-lambda-powertools/tracer");
const { Router } = require("@aws-lambda-powertools/event-handler/http");
const { getMetadata } = require("@aws-lambda-powertools/commons/utils/metadata");
const logger = new Logger({ serviceName: "orders", correlationIdSearchFn: search });
const metrics = new Metrics({ namespace: "shop-node", serviceName: "orders", defaultDimensions: { stage: "test" } });
const tracer = new Tracer({ serviceName: "orders" });
const app = new Router();
app.get("/orders/:id", async ({ params, req }) => {
  logger.info("taken", { order: params.id });
  logger.debug("not at this level");
  metrics.addMetric("taken", "Count", 2);
  const part = tracer.getSegment().addNewSubsegment("### store");
  tracer.putAnnotation("order", params.id);
  part.close();
  return { id: params.id, shade: new URL(req.url).searchParams.get("shade"), zone: (await getMetadata()).AvailabilityZoneID,
    trace: tracer.getRootXrayTraceId(), isTraced: tracer.isTracingEnabled(), segment: tracer.getSegment().name };
});
exports.handler = async (event, context) => {
  logger.addContext(context);
  logger.setCorrelationId(event, "requestContext.requestId");
  metrics.captureColdStartMetric(context.functionName);
  if (event.fail) logger.error("broken", new TypeError("on purpose"));
  const answer = event.fail ? {} : await app.resolve(event, context);
  metrics.publishStoredMetrics();
  return answer;
};
`;

const PYTHON_FUNCTION = `
from aws_lambda_powertools import Logger, Metrics, Tracer
from aws_lambda_powertools.event_handler import LambdaFunctionUrlResolver
from aws_lambda_powertools.logging import correlation_paths
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.metadata import get_lambda_metadata
logger = Logger(service="orders")
metrics = Metrics(namespace="shop-python", service="orders")
metrics.set_default_dimensions(stage="test")
tracer = Tracer(service="orders")
app = LambdaFunctionUrlResolver()

@app.get("/orders/<id>")
@tracer.capture_method
def order(id):
    logger.info("taken", order=id)
    logger.debug("not at this level")
    metrics.add_metric(name="taken", unit=MetricUnit.Count, value=2)
    tracer.put_annotation("order", id)
    segment = tracer.provider.get_trace_entity()
    return {"id": id, "shade": app.current_event.get_query_string_value("shade"), "zone": get_lambda_metadata().availability_zone_id,
        "trace": segment.trace_id, "isTraced": not tracer.disabled, "segment": segment.name}

@logger.inject_lambda_context(correlation_id_path=correlation_paths.LAMBDA_FUNCTION_URL)
@tracer.capture_lambda_handler
@metrics.log_metrics(capture_cold_start_metric=True)
def handler(event, context):
    if "fail" in event:
        try:
            raise TypeError("on purpose")
        except TypeError:
            logger.exception("broken")
        return {}
    return app.resolve(event, context)
`;

type Line = Readonly<Record<string, unknown>>;

describe("Powertools for AWS Lambda", { timeout: 110_000 }, () => {
  let lambent: RunningLambent;
  let lambda: ReturnType<typeof lambdaClient>;
  before(async () => {
    lambent = await startLambent();
    lambda = lambdaClient(lambent.endpoint);
  });
  after(async () => {
    lambda?.destroy();
    assert.equal(await lambent?.stop(), 0);
  });

  const publish = async (name: string, directory: string, prefix: string): Promise<string> =>
    publishLayer(lambda, name, await layerOf(directory, prefix));
  /** What the function wrote in JSON; the report of the last invocation is there before. */
  const jsonLines = async (name: string): Promise<Line[]> => {
    const logs = new CloudWatchLogsClient(clientConfiguration(lambent.endpoint));
    const { events } = await logs.send(new FilterLogEventsCommand({ logGroupName: `/aws/lambda/${name}` }));
    logs.destroy();
    return (events ?? [])
      .filter(({ message }) => message?.startsWith("{"))
      .map(({ message }): Line => JSON.parse(message ?? ""));
  };
  /** The metric with the dimensions under which a line in embedded metric format puts it. */
  const sumOf = async (metric: string, line: Line): Promise<number> => {
    const { CloudWatchMetrics } = line._aws as {
      CloudWatchMetrics: { Namespace: string; Dimensions: string[][] }[];
    };
    const [directive] = CloudWatchMetrics;
    assert.ok(directive !== undefined);
    const { Namespace, Dimensions } = directive;
    const client = new CloudWatchClient(clientConfiguration(lambent.endpoint));
    const { Datapoints } = await client.send(
      new GetMetricStatisticsCommand({
        Namespace,
        MetricName: metric,
        Dimensions: Dimensions[0]?.map((Name) => ({ Name, Value: String(line[Name]) })),
        StartTime: new Date(Date.now() - 600_000),
        EndTime: new Date(Date.now() + 600_000),
        Period: 60,
        Statistics: ["Sum"],
      }),
    );
    client.destroy();
    return (Datapoints ?? []).reduce((sum, { Sum = 0 }) => sum + Sum, 0);
  };

  /** Deploys the function in text and in JSON format, and shows what Powertools have seen in both. */
  async function showsWhatIsDocumented(
    name: string,
    files: Readonly<Record<string, string>>,
    settings: Partial<CreateFunctionCommandInput>,
  ): Promise<void> {
    await deploy(lambda, name, files, { ...settings, TracingConfig: { Mode: "Active" } });
    const { FunctionUrl = "" } = await lambda.send(
      new CreateFunctionUrlConfigCommand({ FunctionName: name, AuthType: "NONE" }),
    );
    await allowEverybody(lambda, { FunctionName: name });
    const answers: Line[] = [];
    for (const id of ["1", "2"]) {
      const { status, text } = await requestUrl(lambent.endpoint, `${FunctionUrl}orders/${id}?shade=blue`);
      assert.equal(status, 200, text);
      answers.push(JSON.parse(text));
    }
    assert.equal((await requestUrl(lambent.endpoint, `${FunctionUrl}nothing`)).status, 404);
    const last = await invoke(lambda, name, { fail: true });
    assert.equal(last.functionError, undefined, JSON.stringify(last.body));

    const [first] = answers;
    assert.deepEqual(first, {
      id: "1",
      shade: "blue",
      zone: first?.zone,
      trace: first?.trace,
      isTraced: true,
      segment: name === "node" ? "facade" : "## index.order",
    });
    assert.match(String(first?.zone), /^\w+-az1$/);
    const lines = await jsonLines(name);
    checkLogger(name, lines, answers);
    const broken = lines.find(({ message }) => message === "broken");
    assert.match(JSON.stringify(broken), /TypeError.*on purpose/);
    await checkMetrics(name, lines);
  }

  function checkLogger(name: string, lines: readonly Line[], answers: readonly Line[]): void {
    const taken = lines.filter(({ message }) => message === "taken");
    assert.deepEqual(
      taken.map(({ cold_start, order, level, service }) => ({ cold_start, order, level, service })),
      [
        { cold_start: true, order: "1", level: "INFO", service: "orders" },
        { cold_start: false, order: "2", level: "INFO", service: "orders" },
      ],
    );
    assert.ok(!lines.some(({ message }) => message === "not at this level"));
    for (const [index, line] of taken.entries()) {
      assert.equal(line.function_name, name);
      assert.equal(line.function_arn, `arn:aws:lambda:us-east-1:000000000000:function:${name}`);
      assert.equal(String(line.function_memory_size), "256");
      assert.match(String(line.function_request_id), /^[0-9a-f-]{36}$/);
      // The event's request id is the invocation's.
      assert.equal(line.correlation_id, line.function_request_id);
      assert.match(String(line.xray_trace_id), /^1-[0-9a-f]{8}-[0-9a-f]{24}$/);
      assert.equal(line.xray_trace_id, answers[index]?.trace);
    }
    assert.notEqual(taken[0]?.xray_trace_id, taken[1]?.xray_trace_id);
  }

  async function checkMetrics(name: string, lines: readonly Line[]): Promise<void> {
    const taken = lines.filter((line) => line._aws !== undefined && line.taken !== undefined);
    const coldStarts = lines.filter((line) => line._aws !== undefined && line.ColdStart !== undefined);
    assert.deepEqual([taken.length, coldStarts.length], [2, 1], JSON.stringify(lines));
    const [first = {}] = taken;
    const [coldStart = {}] = coldStarts;
    assert.deepEqual([first.service, first.stage], ["orders", "test"]);
    assert.deepEqual([coldStart.service, coldStart.function_name], ["orders", name]);
    assert.equal(await sumOf("taken", first), 4);
    assert.equal(await sumOf("ColdStart", coldStart), 1);
  }

  /** AWS: the function's log level reaches Powertools, and JSON that a function writes is not packed once more. */
  async function keepsToTheLogLevel(
    name: string,
    files: Readonly<Record<string, string>>,
    settings: Partial<CreateFunctionCommandInput>,
  ): Promise<void> {
    const functionName = `${name}-warn`;
    const LoggingConfig = { LogFormat: "JSON", ApplicationLogLevel: "WARN" } as const;
    await deploy(lambda, functionName, files, { ...settings, LoggingConfig });
    const { functionError, body } = await invoke(lambda, functionName, { fail: true });
    assert.equal(functionError, undefined, JSON.stringify(body));
    const lines = await jsonLines(functionName);
    const broken = lines.filter(({ message }) => message === "broken");
    assert.equal(broken.length, 1, JSON.stringify(lines));
    assert.equal(broken[0]?.level, "ERROR");
    assert.equal(broken[0]?.cold_start, true);
    assert.ok(lines.some(({ type }) => type === "platform.report"));
  }

  test("for TypeScript see what they see on AWS", async (t) => {
    const installed = await installPowertoolsForNode();
    if (!isInstalled(t, installed)) return;
    const layer = await publish(
      "powertools-node",
      join(installed.directory ?? "", "node_modules"),
      "nodejs/node_modules",
    );
    const files = { "index.js": NODE_FUNCTION };
    const settings = { Layers: [layer], MemorySize: 256 };
    await showsWhatIsDocumented("node", files, settings);
    await keepsToTheLogLevel("node", files, settings);
  });

  test("for Python see what they see on AWS", async (t) => {
    const pythons = (await discoverForTests())
      .list()
      .filter(({ identifier }) => identifier.startsWith("python"));
    const runtime = pythons.at(-1);
    if (!skipUnless(t, runtime !== undefined, "no Python on this machine", "apt-get install python3")) return;
    assert.ok(runtime !== undefined);
    const installed = await installPowertoolsForPython(commandOnHost(runtime.program)[0] ?? "python3");
    if (!isInstalled(t, installed)) return;
    const layer = await publish("powertools-python", installed.directory ?? "", "python");
    const files = { "index.py": PYTHON_FUNCTION };
    const settings = { Layers: [layer], MemorySize: 256, Runtime: runtime.identifier as "python3.12" };
    await showsWhatIsDocumented("python", files, settings);
    await keepsToTheLogLevel("python", files, settings);
  });
});
