import { systemClock as clock } from "../adapters/clock-system/clock-system.ts";
import { createS3CodeObjects } from "../adapters/code-objects-s3/code-objects-s3.ts";
import type { PrometheusMetrics } from "../adapters/metrics-prometheus/metrics-prometheus.ts";
import type { ServiceDefinition } from "../aws-api/protocol/handlers.ts";
import { type AwsApi, createAwsApi } from "../aws-api/server.ts";
import { cloudWatchService } from "../aws-api/services/cloudwatch/cloudwatch-service.ts";
import { iamService } from "../aws-api/services/iam/iam-service.ts";
import type { CodeDownloads } from "../aws-api/services/lambda/code-download.ts";
import { lambdaService } from "../aws-api/services/lambda/lambda-service.ts";
import { logsService } from "../aws-api/services/logs/logs-service.ts";
import { stsService } from "../aws-api/services/sts/sts-service.ts";
import { type Configuration, lambentVersion } from "../config.ts";
import type { AsyncInvoker } from "../core/invocation.ts";
import { endpointOf } from "../core/service-endpoints.ts";
import { TraceHeaders } from "../core/trace-header.ts";
import type { EventSourceMappings } from "../event-source-mappings/event-source-mappings.ts";
import type { InvocationDispatcher } from "../invocation/invocation-dispatcher.ts";
import { createOperatorApi, type OperatorApi } from "../operator-api/operator-api.ts";
import type { DataPlane } from "./data-plane.ts";
import { type Ground, logFailure } from "./ground.ts";
import type { Machine } from "./machine.ts";
import type { Platform } from "./platform.ts";

/** The AWS endpoint: every service that is served, authenticated and authorized alike. */
export function wireAwsApi(
  { configuration, logger }: Ground,
  parts: {
    readonly machine: Machine;
    readonly platform: Platform;
    readonly metrics: PrometheusMetrics;
    readonly dispatcher: InvocationDispatcher;
    readonly mappings: EventSourceMappings;
    readonly asyncInvoker: AsyncInvoker;
    readonly codeDownloads: CodeDownloads;
    readonly eventServices: readonly ServiceDefinition[];
    readonly functionUrl: (urlId: string, region: string) => string;
  },
): AwsApi {
  const { iam, credentials, callers, logs, cloudWatch, functions, embeddedCode } = parts.platform;
  const { runtimes } = parts.machine;
  return createAwsApi({
    clock,
    services: [
      lambdaService({
        functions,
        invoker: parts.dispatcher,
        asyncInvoker: parts.asyncInvoker,
        eventMetrics: cloudWatch.events,
        allocations: parts.dispatcher,
        mappings: parts.mappings,
        runtimes,
        clock,
        traceHeaders: new TraceHeaders(),
        fileSystems: parts.machine.fileSystems,
        codeDownloads: parts.codeDownloads,
        codeObjects:
          configuration.s3Endpoint === "" && embeddedCode.source
            ? embeddedCode.source
            : createS3CodeObjects(withRemoteS3(configuration)),
        functionUrl: parts.functionUrl,
      }),
      iamService({ iam }),
      stsService({ directory: iam.directory, credentials, clock }),
      logsService({ logs }),
      cloudWatchService({ metrics: cloudWatch }),
      ...parts.eventServices,
    ],
    authenticate: (request) => callers.identify(request),
    authorize: (request) => {
      const { operation, input } = request;
      if (request.service !== "lambda" || !operation.endsWith("EventSourceMapping"))
        return callers.authorize(request);
      const { account } = request.context.principal;
      const owner = { account, region: request.context.region };
      for (const conditions of parts.mappings.conditionKeys(owner, input))
        callers.authorize({ ...request, conditions });
    },
    onRequest: (sample) => parts.metrics.apiRequest(sample),
    log: (error, context) => logFailure(logger, "a request failed inside Lambent", { error, context }),
  });
}

/** Where the embedded S3 is replaced by another one, packages lie there, unless the setting for packages names a third. */
function withRemoteS3(configuration: Configuration): Configuration {
  const endpoint = endpointOf(configuration.endpoints, "s3");
  const isRemote = endpoint !== "embedded" && endpoint !== "off";
  return isRemote && configuration.s3Endpoint === ""
    ? { ...configuration, s3Endpoint: endpoint }
    : configuration;
}

/** Health and metrics, for whoever runs this. */
export function wireOperatorApi(
  { store }: Ground,
  parts: {
    readonly machine: Machine;
    readonly metrics: PrometheusMetrics;
    readonly dispatcher: InvocationDispatcher;
    readonly dataPlane: DataPlane | undefined;
  },
): OperatorApi {
  const { machine, metrics, dispatcher, dataPlane } = parts;
  return createOperatorApi({
    version: lambentVersion(),
    clock,
    isolation: machine.sandboxes.report,
    runtimes: () => machine.runtimes.list().map((runtime) => runtime.identifier),
    storeHealthy: () => store.healthy(),
    dataPlane: dataPlane && (() => dataPlane.processes()),
    metrics: {
      contentType: metrics.contentType,
      text: async () => {
        const counts = dispatcher.environmentCounts();
        await dataPlane?.addTo(counts);
        // Also those that have none any more: a gauge keeps what it was last set to.
        for (const { identifier } of machine.runtimes.list())
          metrics.environments(counts.get(identifier) ?? 0, identifier);
        return metrics.text();
      },
    },
  });
}
