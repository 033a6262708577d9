import { randomUUID } from "node:crypto";
import { createServer, type RequestListener } from "node:http";
import type { Socket } from "node:net";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import { chooseSandboxDriver } from "./adapters/choose-sandbox-driver.ts";
import { systemClock as clock } from "./adapters/clock-system/clock-system.ts";
import { openCodeCache } from "./adapters/code-cache-files/code-cache-files.ts";
import { openCodeStore } from "./adapters/code-store-files/code-store-files.ts";
import { createPinoLogger } from "./adapters/logger-pino/logger-pino.ts";
import { procMemoryPressure } from "./adapters/memory-proc/memory-proc.ts";
import {
  createPrometheusMetrics,
  type PrometheusMetrics,
} from "./adapters/metrics-prometheus/metrics-prometheus.ts";
import { writeRootCredentials } from "./adapters/root-credentials-file/root-credentials-file.ts";
import type { MachineRuntimes } from "./adapters/runtime-catalogue/machine-runtimes.ts";
import { openSqliteStore } from "./adapters/store-sqlite/store-sqlite.ts";
import { type AwsApi, createAwsApi } from "./aws-api/server.ts";
import { iamService } from "./aws-api/services/iam/iam-service.ts";
import { type CodeDownloads, createCodeDownloads } from "./aws-api/services/lambda/code-download.ts";
import { lambdaService } from "./aws-api/services/lambda/lambda-service.ts";
import { logsService } from "./aws-api/services/logs/logs-service.ts";
import { stsService } from "./aws-api/services/sts/sts-service.ts";
import { type Configuration, lambentVersion } from "./config.ts";
import type { FileSystemTable } from "./core/file-systems.ts";
import { TraceHeaders } from "./core/trace-header.ts";
import { CodeCachePacks } from "./environments/code-cache-packs.ts";
import { EnvironmentFactory } from "./environments/environment-factory.ts";
import { ReservePool } from "./environments/reserve-pool.ts";
import { createFunctionService, type FunctionService } from "./functions/function-service.ts";
import { closeServer, configureServer, functionUrlAt, listen } from "./http-listener.ts";
import type { ResourcePolicy } from "./iam/authorize.ts";
import { CallerIdentities } from "./iam/caller-identities.ts";
import { type Iam, openIam } from "./iam/iam.ts";
import { createSessionCredentials, type SessionCredentials } from "./iam/session-credentials.ts";
import { InvocationDispatcher } from "./invocation/invocation-dispatcher.ts";
import { AWS_RESPONSE_PACE } from "./invocation/response-pace.ts";
import { type CloudWatchLogs, openCloudWatchLogs } from "./logs/cloudwatch-logs.ts";
import { createOperatorApi, type OperatorApi } from "./operator-api/operator-api.ts";
import type { CodeStore } from "./ports/code-store.ts";
import type { Logger } from "./ports/logger.ts";
import type { IsolationReport, SandboxDriver } from "./ports/sandbox.ts";
import type { Store } from "./ports/store.ts";
import { attachCodeCache } from "./runtime-api/code-cache-route.ts";
import { RuntimeApi } from "./runtime-api/runtime-api.ts";
import { machineRuntimes, RUNTIMES_DIRECTORY } from "./runtime-installation.ts";

/** One running Lambent. */
export interface Lambent {
  readonly endpoint: string;
  readonly isolation: IsolationReport;
  /** Identifiers of the runtimes found, with the version where an older one stands in. */
  readonly runtimes: readonly string[];
  /** File with the root user's access key, when one is required. */
  readonly rootCredentialsFile: string | undefined;
  /** Drains, ends every execution environment and closes the store. */
  stop(): Promise<void>;
}

/** How long running invocations may go on after a stop signal. */
const DRAIN_MS = 20_000;
/** How long an invocation waits on a full machine before it is throttled. */
const MAX_WAIT_MS = 10_000;
/** Compiled code kept for later environments. */
const CODE_CACHE_BYTES = 512 * 1024 * 1024;
const newId = (): string => randomUUID().replaceAll("-", "");
const NOT_ISOLATED_NOTICE =
  "LAMBENT WARNING: this machine runs functions as plain processes, without isolation or limits.\n";

/** What has been opened, in order; closed in reverse, whether starting went well or not. */
class Opened {
  readonly #closers: (() => unknown)[] = [];

  add(close: () => unknown): void {
    this.#closers.push(close);
  }

  async close(): Promise<void> {
    for (let close = this.#closers.pop(); close !== undefined; close = this.#closers.pop()) await close();
  }
}

/**
 * Starts everything: the only place that picks adapters and puts the parts together. `announce` gets lines about work
 * that takes long. Rejects with `OperatorError` where the operator can mend it.
 */
export async function start(
  configuration: Configuration,
  announce: (line: string) => void,
): Promise<Lambent> {
  const opened = new Opened();
  try {
    return await open(configuration, announce, opened);
  } catch (error) {
    await opened.close();
    throw error;
  }
}

/** What every part works with. */
interface Ground {
  readonly configuration: Configuration;
  readonly logger: Logger;
  readonly store: Store;
  readonly opened: Opened;
}

async function open(
  configuration: Configuration,
  announce: (line: string) => void,
  opened: Opened,
): Promise<Lambent> {
  const logger = createPinoLogger({ level: configuration.logLevel, readable: process.stderr.isTTY });
  const store = await openSqliteStore({ dataDirectory: configuration.dataDirectory, clock });
  opened.add(() => store.close());
  const ground = { configuration, logger, store, opened };
  const machine = await openMachine(ground, announce);
  const platform = await openPlatform(ground, machine);
  const metrics = createPrometheusMetrics();
  const { dispatcher, serveFunctions } = wireInvocations(ground, { machine, platform, metrics });

  let endpoint = "";
  const codeDownloads = createCodeDownloads({
    codeStore: machine.codeStore,
    clock,
    endpoint: () => endpoint,
  });
  const functionUrl = (urlId: string, region: string): string => functionUrlAt(endpoint, urlId, region);
  const awsApi = wireAwsApi(ground, { machine, platform, metrics, dispatcher, codeDownloads, functionUrl });
  serveFunctions((request, response) => awsApi.handle(request, response));
  const operatorApi = wireOperatorApi(ground, { machine, metrics, dispatcher });
  const server = createServer((request, response) => {
    if (operatorApi(request, response) || codeDownloads.serve(request, response)) return;
    awsApi.handle(request, response);
  });
  configureServer(server);
  endpoint = await listen(server, configuration);
  opened.add(() => closeServer(server));
  opened.add(() => dispatcher.close(DRAIN_MS));
  // Provisioned environments start now: their functions may call back as soon as they are initialised.
  platform.functions.onConcurrencyChanged((concurrency) => dispatcher.configure(concurrency));
  return {
    endpoint,
    isolation: machine.sandboxes.report,
    rootCredentialsFile: platform.rootCredentialsFile,
    runtimes: machine.runtimes
      .list()
      .map(({ identifier, isOlder, version }) => (isOlder ? `${identifier} (by ${version})` : identifier)),
    stop: () => opened.close(),
  };
}

interface Machine {
  readonly runtimes: MachineRuntimes;
  readonly sandboxes: SandboxDriver;
  readonly codeStore: CodeStore;
  /** None where functions are plain processes: these have no /mnt of their own. */
  readonly fileSystems: FileSystemTable;
  readonly codeCache: CodeCachePacks;
}

/** What the machine brings: runtimes, isolation and the unpacked code they both need to see. */
async function openMachine(
  { configuration, store, opened }: Ground,
  announce: (line: string) => void,
): Promise<Machine> {
  const codeDirectory = join(configuration.dataDirectory, "code");
  const [runtimes, codeStore, cache] = await Promise.all([
    machineRuntimes(configuration),
    openCodeStore({ directory: codeDirectory, blobs: store.blobs }),
    openCodeCache({
      directory: join(configuration.dataDirectory, "code-cache"),
      maxBytes: CODE_CACHE_BYTES,
    }),
  ]);
  const sandboxes = await chooseSandboxDriver({
    preference: configuration.isolation,
    network: configuration.network,
    allowInstall: configuration.allowInstall,
    dataDirectory: configuration.dataDirectory,
    sharedDirectories: [codeDirectory, RUNTIMES_DIRECTORY],
    announce,
    clock,
  });
  opened.add(() => sandboxes.close());
  const fileSystems = sandboxes.report.isolates ? configuration.fileSystems : {};
  return { runtimes, sandboxes, codeStore, fileSystems, codeCache: new CodeCachePacks({ cache, clock }) };
}

interface Platform {
  readonly iam: Iam;
  readonly credentials: SessionCredentials;
  readonly callers: CallerIdentities;
  readonly logs: CloudWatchLogs;
  readonly functions: FunctionService;
  readonly rootCredentialsFile: string | undefined;
}

/** What is kept in the store: identities, logs and functions. */
async function openPlatform(ground: Ground, { sandboxes, codeStore, runtimes }: Machine): Promise<Platform> {
  const { configuration, store, opened, logger } = ground;
  const { keyValue } = store;
  const iam = await openIam({ keyValue, clock });
  opened.add(() => iam.close());
  const { directory } = iam;
  const { defaultAccount, defaultRegion } = configuration;
  const credentials = await createSessionCredentials({ keyValue, clock, directory, defaultAccount });
  const { authentication: mode } = configuration;
  const rootCredentialsFile = mode === "enforced" ? await provideRootKey(configuration, iam) : undefined;
  const logs = await openCloudWatchLogs({
    logs: store.logs,
    keyValue,
    clock,
    ...(!sandboxes.report.isolates && { firstLineOfGroup: NOT_ISOLATED_NOTICE }),
  });
  opened.add(() => logs.close());
  const functions = await createFunctionService({
    keyValue,
    codeStore,
    runtimes,
    clock,
    logger,
    random: Math.random,
    accountConcurrency: configuration.accountConcurrency,
    hostArchitecture: process.arch === "arm64" ? "arm64" : "x86_64",
  });
  opened.add(() => functions.close());
  const callers = new CallerIdentities({
    credentials,
    directory,
    clock,
    mode,
    defaultRegion,
    resourcePolicies: (service, arn) => (service === "lambda" ? functionPolicy(functions, arn) : undefined),
  });
  return { iam, credentials, callers, logs, functions, rootCredentialsFile };
}

/** A function's policy as the evaluation of a request needs it; undefined for what is no function. */
function functionPolicy(functions: FunctionService, arn: string): ResourcePolicy | undefined {
  const account = /^arn:aws[a-z-]*:lambda:[a-z0-9-]+:(\d{12}):function:/.exec(arn)?.[1];
  return account === undefined ? undefined : { account, document: functions.policies.documentOf(arn) };
}

/** Somebody must be able to sign the first request: the root user. Returns the file where its key can be read. */
async function provideRootKey(configuration: Configuration, iam: Iam): Promise<string | undefined> {
  const { dataDirectory, defaultAccount, defaultRegion, rootAccessKeyId, rootSecretAccessKey } =
    configuration;
  if (rootAccessKeyId !== "") {
    await iam.users.putRootAccessKey({
      account: defaultAccount,
      accessKeyId: rootAccessKeyId,
      secretAccessKey: rootSecretAccessKey,
    });
    return undefined;
  }
  const [existing] = iam.directory.accessKeysOf(defaultAccount, undefined);
  const key = existing ?? (await iam.users.createAccessKey(defaultAccount, undefined));
  return writeRootCredentials(dataDirectory, { ...key, region: defaultRegion });
}

/**
 * Environments and what brings invocations to them. Requests from inside an environment come in on a server of their
 * own: the operator's pages are not for functions.
 */
function wireInvocations(
  ground: Ground,
  parts: { readonly machine: Machine; readonly platform: Platform; readonly metrics: PrometheusMetrics },
): { dispatcher: InvocationDispatcher; serveFunctions: (listener: RequestListener) => void } {
  const { configuration, logger, opened } = ground;
  const { machine, metrics } = parts;
  const { callers, logs, functions } = parts.platform;
  const runtimeApi = new RuntimeApi();
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
    attachAwsEndpoint: (sandbox, identity) =>
      sandbox.awsEndpoint.on("connection", (socket: Socket) => {
        callers.comesFromFunction(socket, identity);
        functionsServer.emit("connection", socket);
      }),
  });
  const dispatcher = new InvocationDispatcher({
    clock,
    metrics,
    factory,
    platformFailure: (error, context) =>
      logFailure(logger, "an environment could not be started", { error, context }),
    limits: {
      accountConcurrency: configuration.accountConcurrency,
      maxEnvironments: configuration.maxEnvironments,
      maxStarting: Math.max(4, 2 * availableParallelism()),
      idleTimeoutMs: configuration.idleEnvironmentTimeoutMs,
      idleTimeoutMaxMs: configuration.idleEnvironmentTimeoutMaxMs,
      maxLifeMs: configuration.maxEnvironmentLifeMs,
      maxWaitMs: MAX_WAIT_MS,
      responsePace: configuration.responseStreamPacing ? AWS_RESPONSE_PACE : undefined,
    },
  });
  functions.runtimeManagement.onChanged((version) => dispatcher.renewRuntimes(version));
  machine.runtimes.onChanged(() => dispatcher.renewRuntimes());
  const looking = setInterval(() => void machine.runtimes.refresh(), configuration.runtimeCheckIntervalMs);
  opened.add(() => clearInterval(looking));
  followFunctions(ground, { machine, functions, reserve, dispatcher });
  return { dispatcher, serveFunctions: (listener) => functionsServer.on("request", listener) };
}

/** Sandboxes that wait for a function; real environments come before them. */
function wireReserve(
  { configuration, logger }: Ground,
  machine: Machine,
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
    parallel: Math.max(1, Math.floor(availableParallelism() / 2)),
    failed: (error, runtime) =>
      logFailure(logger, "no environment could be kept in reserve", { error, context: { runtime } }),
  });
}

/** What has to know of functions that come, change and go. */
function followFunctions(
  { logger }: Ground,
  parts: {
    readonly machine: Machine;
    readonly functions: FunctionService;
    readonly reserve: ReservePool;
    readonly dispatcher: InvocationDispatcher;
  },
): void {
  const { machine, functions, reserve, dispatcher } = parts;
  functions.onDeployed(({ settings }) => reserve.use(settings.runtime, settings.memoryMb));
  functions.onConcurrencyChanged(({ provisioned }) => {
    for (const { version, requested } of provisioned)
      reserve.announce(version.runtime, version.memoryMb, requested);
  });
  functions.onDeploymentRetired(({ deploymentId }) => {
    dispatcher.retire(deploymentId);
    machine.codeCache
      .retire(deploymentId)
      .catch((error: unknown) =>
        logFailure(logger, "compiled code could not be removed", { error, context: { deploymentId } }),
      );
  });
}

function wireAwsApi(
  { logger }: Ground,
  parts: {
    readonly machine: Machine;
    readonly platform: Platform;
    readonly metrics: PrometheusMetrics;
    readonly dispatcher: InvocationDispatcher;
    readonly codeDownloads: CodeDownloads;
    readonly functionUrl: (urlId: string, region: string) => string;
  },
): AwsApi {
  const { iam, credentials, callers, logs, functions } = parts.platform;
  const { runtimes } = parts.machine;
  return createAwsApi({
    clock,
    services: [
      lambdaService({
        functions,
        invoker: parts.dispatcher,
        allocations: parts.dispatcher,
        runtimes,
        clock,
        traceHeaders: new TraceHeaders(),
        fileSystems: parts.machine.fileSystems,
        codeDownloads: parts.codeDownloads,
        functionUrl: parts.functionUrl,
      }),
      iamService({ iam }),
      stsService({ directory: iam.directory, credentials, clock }),
      logsService({ logs }),
    ],
    authenticate: (request) => callers.identify(request),
    authorize: (request) => callers.authorize(request),
    onRequest: (sample) => parts.metrics.apiRequest(sample),
    log: (error, context) => logFailure(logger, "a request failed inside Lambent", { error, context }),
  });
}

function wireOperatorApi(
  { store }: Ground,
  parts: {
    readonly machine: Machine;
    readonly metrics: PrometheusMetrics;
    readonly dispatcher: InvocationDispatcher;
  },
): OperatorApi {
  const { machine, metrics, dispatcher } = parts;
  return createOperatorApi({
    version: lambentVersion(),
    clock,
    isolation: machine.sandboxes.report,
    runtimes: () => machine.runtimes.list().map((runtime) => runtime.identifier),
    storeHealthy: () => store.healthy(),
    metrics: {
      contentType: metrics.contentType,
      text: () => {
        const counts = dispatcher.environmentCounts();
        // Also those that have none any more: a gauge keeps what it was last set to.
        for (const { identifier } of machine.runtimes.list())
          metrics.environments(counts.get(identifier) ?? 0, identifier);
        return metrics.text();
      },
    },
  });
}

function logFailure(
  logger: Logger,
  message: string,
  { error, context }: { readonly error: unknown; readonly context: object },
): void {
  const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
  logger.error(message, { ...context, error: text });
}
