import { randomUUID } from "node:crypto";
import { createServer, type RequestListener, type Server } from "node:http";
import type { Socket } from "node:net";
import { availableParallelism } from "node:os";
import { systemClock as clock } from "../adapters/clock-system/clock-system.ts";
import { procMemoryPressure } from "../adapters/memory-proc/memory-proc.ts";
import type { PrometheusMetrics } from "../adapters/metrics-prometheus/metrics-prometheus.ts";
import { expectFunction } from "../async-invocation/function-target.ts";
import type { Configuration } from "../config.ts";
import { EnvironmentFactory } from "../environments/environment-factory.ts";
import { ReservePool } from "../environments/reserve-pool.ts";
import type { FunctionService } from "../functions/function-service.ts";
import { configureServer } from "../http-listener.ts";
import { type DispatcherLimits, InvocationDispatcher } from "../invocation/invocation-dispatcher.ts";
import { AWS_RESPONSE_PACE } from "../invocation/response-pace.ts";
import { EXPECTED_WITHIN_MS } from "../ports/event-targets.ts";
import { attachCodeCache } from "../runtime-api/code-cache-route.ts";
import { isListenedTo } from "../runtime-api/environment-requests.ts";
import { RuntimeApi } from "../runtime-api/runtime-api.ts";
import { EnvironmentConnections } from "./environment-connections.ts";
import { type Ground, logFailure, newId } from "./ground.ts";
import type { Machine } from "./machine.ts";
import type { Platform } from "./platform.ts";

/** How long an invocation waits on a full machine before it is throttled. */
const MAX_WAIT_MS = 10_000;

/**
 * Environments and what brings invocations to them. Requests from inside an environment come in on a server of their
 * own: the operator's pages are not for functions.
 */
export function wireInvocations(
  ground: Ground,
  parts: { readonly machine: Machine; readonly platform: Platform; readonly metrics: PrometheusMetrics },
): {
  dispatcher: InvocationDispatcher;
  functionsServer: Server;
  serveFunctions: (listener: RequestListener) => void;
} {
  const { configuration, logger, opened } = ground;
  const { machine, metrics } = parts;
  const { callers, logs, functions } = parts.platform;
  const runtimeApi = new RuntimeApi(clock);
  const functionsServer = createServer();
  configureServer(functionsServer);
  const reserve = wireReserve(ground, machine, () => dispatcher.environmentCounts());
  opened.add(() => reserve.close());
  const factory = new EnvironmentFactory({
    ...machine,
    clock,
    reserve,
    logs: logs.sink,
    newId,
    newUuid: randomUUID,
    issueCredentials: (identity) => callers.issueForFunction(identity),
    attachRuntimeApi: (sandbox, session, beside) => runtimeApi.attach(sandbox.runtimeApi, session, beside),
    attachCodeCache: (sandbox, access) => attachCodeCache(sandbox.runtimeApi, access),
    attachAwsEndpoint: (sandbox, identity) => {
      const connections = new EnvironmentConnections(clock);
      sandbox.awsEndpoint.on("connection", (socket: Socket) => {
        connections.connected(socket);
        callers.comesFromFunction(socket, identity);
        functionsServer.emit("connection", socket);
      });
    },
  });
  const dispatcher = new InvocationDispatcher({
    clock,
    metrics,
    functionMetrics: parts.platform.cloudWatch.invocations,
    factory,
    platformFailure: (error, context) =>
      logFailure(logger, "an environment could not be started", { error, context }),
    limits: dispatcherLimits(configuration),
    recall: ground.dataPlane && ((owner) => ground.dataPlane?.ledger?.recallAll(owner)),
  });
  functions.runtimeManagement.onChanged((version) => dispatcher.renewRuntimes(version));
  followRuntimes(ground, machine, dispatcher);
  followFunctions(ground, { machine, functions, metrics, reserve, dispatcher });
  return {
    dispatcher,
    functionsServer,
    serveFunctions: (listener) =>
      functionsServer.on("request", (request, response) => {
        if (isListenedTo(request, response)) listener(request, response);
      }),
  };
}

/** Of one process; what the machine can do at once is shared by all. */
export function dispatcherLimits(configuration: Configuration): DispatcherLimits {
  const processes = 1 + configuration.dataPlaneProcesses;
  return {
    accountConcurrency: configuration.accountConcurrency,
    maxEnvironments: configuration.maxEnvironments,
    maxStarting: Math.ceil(Math.max(4, 2 * availableParallelism()) / processes),
    idleTimeoutMs: configuration.idleEnvironmentTimeoutMs,
    idleTimeoutMaxMs: configuration.idleEnvironmentTimeoutMaxMs,
    maxLifeMs: configuration.maxEnvironmentLifeMs,
    maxWaitMs: MAX_WAIT_MS,
    responsePace: configuration.responseStreamPacing ? AWS_RESPONSE_PACE : undefined,
    scalingShare: 1 / processes,
  };
}

/** Sandboxes that wait for a function; real environments come before them. */
export function wireReserve(
  { configuration, logger }: Pick<Ground, "configuration" | "logger">,
  machine: Pick<Machine, "runtimes" | "sandboxes">,
  environmentCounts: () => ReadonlyMap<string, number>,
): ReservePool {
  return new ReservePool({
    ...machine,
    clock,
    newId,
    memory: procMemoryPressure,
    max: configuration.reserveMax,
    room: () =>
      [...environmentCounts().values()].reduce((left, count) => left - count, configuration.maxEnvironments),
    parallel: Math.max(1, Math.floor(availableParallelism() / 2 / (1 + configuration.dataPlaneProcesses))),
    failed: (error, runtime) =>
      logFailure(logger, "no environment could be kept in reserve", { error, context: { runtime } }),
  });
}

/** What is installed and updated while this process runs reaches its functions. */
export function followRuntimes(
  { configuration, opened }: Pick<Ground, "configuration" | "opened">,
  { runtimes }: Pick<Machine, "runtimes">,
  dispatcher: InvocationDispatcher,
): void {
  runtimes.onChanged(() => dispatcher.renewRuntimes());
  const looking = setInterval(() => void runtimes.refresh(), configuration.runtimeCheckIntervalMs);
  opened.add(() => clearInterval(looking));
}

/** Its environments get no new event, and its compiled code goes. */
function retireDeployment(
  { logger }: Pick<Ground, "logger">,
  { dispatcher, packs }: Pick<Machine, "packs"> & { readonly dispatcher: InvocationDispatcher },
  deploymentId: string,
): void {
  dispatcher.retire(deploymentId);
  packs
    .retire(deploymentId)
    .catch((error: unknown) =>
      logFailure(logger, "compiled code could not be removed", { error, context: { deploymentId } }),
    );
}

/** What has to know of functions that come, change and go. */
function followFunctions(
  ground: Ground,
  parts: {
    readonly machine: Machine;
    readonly functions: FunctionService;
    readonly metrics: PrometheusMetrics;
    readonly reserve: ReservePool;
    readonly dispatcher: InvocationDispatcher;
  },
): void {
  const { machine, functions, metrics, reserve, dispatcher } = parts;
  ground.targets.expect = expectFunction(functions, ({ runtime, memoryMb }) =>
    reserve.expect(runtime, memoryMb, 2 * EXPECTED_WITHIN_MS),
  );
  functions.onDeployed(({ settings }) => reserve.use(settings.runtime, settings.memoryMb));
  functions.onConcurrencyChanged(({ provisioned }) => {
    for (const { version, requested } of provisioned)
      reserve.announce(version.runtime, version.memoryMb, requested);
  });
  functions.onFunctionRemoved(({ functionName }) => metrics.forgetFunction(functionName));
  functions.onDeploymentRetired(({ deploymentId }) =>
    retireDeployment(ground, { ...machine, dispatcher }, deploymentId),
  );
}
