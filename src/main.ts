import {
  createServer,
  type IncomingMessage,
  type RequestListener,
  type Server,
  type ServerResponse,
} from "node:http";
import { systemClock as clock } from "./adapters/clock-system/clock-system.ts";
import { createPinoLogger } from "./adapters/logger-pino/logger-pino.ts";
import { createPrometheusMetrics } from "./adapters/metrics-prometheus/metrics-prometheus.ts";
import { openSqliteStore } from "./adapters/store-sqlite/store-sqlite.ts";
import type { AwsApi } from "./aws-api/server.ts";
import { createCodeDownloads } from "./aws-api/services/lambda/code-download.ts";
import type { Configuration } from "./config.ts";
import { closeServer, configureServer, functionUrlAt, listen } from "./http-listener.ts";
import type { IsolationReport } from "./ports/sandbox.ts";
import { subscribedFunctions } from "./subscribed-functions.ts";
import { openAsyncInvocation } from "./wiring/async-invocation.ts";
import { openDataPlane, withDataPlane } from "./wiring/data-plane.ts";
import { wireAwsApi, wireOperatorApi } from "./wiring/doors.ts";
import { openEventServices } from "./wiring/event-services.ts";
import { openEventSourceMappings } from "./wiring/event-source-mappings.ts";
import { LateEventTargets } from "./wiring/event-targets.ts";
import { wireFunctionUrls } from "./wiring/function-urls.ts";
import { type Ground, Opened } from "./wiring/ground.ts";
import { wireInvocations } from "./wiring/invocations.ts";
import { LateQueueMessages } from "./wiring/late-queue-messages.ts";
import { type Machine, openMachine } from "./wiring/machine.ts";
import { openPlainInvocations, wholeRequest } from "./wiring/plain-invocations.ts";
import { openPlatform } from "./wiring/platform.ts";

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

async function openGround(whole: Configuration, opened: Opened): Promise<Ground> {
  const logger = createPinoLogger({ level: whole.logLevel, readable: process.stderr.isTTY });
  const store = await openSqliteStore({ dataDirectory: whole.dataDirectory, clock });
  opened.add(() => store.close());
  return {
    ...withDataPlane(whole, store),
    logger,
    opened,
    targets: new LateEventTargets(),
    queueMessages: new LateQueueMessages(),
    links: [],
    resourcePolicies: new Map(),
  };
}

function configuredServer(): Server {
  const server = createServer();
  configureServer(server);
  return server;
}

const runtimeNames = ({ runtimes }: Machine): string[] =>
  runtimes
    .list()
    .map(({ identifier, isOlder, version }) => (isOlder ? `${identifier} (by ${version})` : identifier));

type Door = (request: IncomingMessage, response: ServerResponse) => boolean;

/** The AWS API answers what is not another door's; `before` it on the public port: the operator's and downloads. */
function behind(
  { links }: Ground,
  awsApi: AwsApi,
  doors: { readonly functionUrls: Door; readonly before?: Door },
): RequestListener {
  const { functionUrls, before } = doors;
  return (request, response) => {
    if (functionUrls(request, response) || before?.(request, response)) return;
    if (links.some((link) => link(request, response))) return;
    awsApi.handle(request, response);
  };
}

async function open(
  configuration: Configuration,
  announce: (line: string) => void,
  opened: Opened,
): Promise<Lambent> {
  const ground = await openGround(configuration, opened);
  const machine = await openMachine(ground, announce);
  const platform = await openPlatform(ground, machine);
  const metrics = createPrometheusMetrics();
  const { dispatcher, functionsServer, serveFunctions } = wireInvocations(ground, {
    machine,
    platform,
    metrics,
  });
  const asyncInvocations = openAsyncInvocation(ground, { platform, dispatcher });
  const eventServices = await openEventServices(ground, { platform, dispatcher });
  const mappings = await openEventSourceMappings(ground, { platform, dispatcher });

  let endpoint = "";
  const codeDownloads = createCodeDownloads({
    codeStore: machine.codeStore,
    clock,
    endpoint: () => endpoint,
  });
  const functionUrl = (urlId: string, region: string): string => functionUrlAt(endpoint, urlId, region);
  const server = configuredServer();
  const dataPlane = openDataPlane(ground, {
    machine,
    platform,
    metrics,
    dispatcher,
    server,
    functionsServer,
  });
  const awsApi = wireAwsApi(ground, {
    machine,
    platform: dataPlane?.told(platform) ?? platform,
    metrics,
    dispatcher,
    mappings,
    asyncInvoker: asyncInvocations,
    codeDownloads,
    functionUrl,
    eventServices,
  });
  const functionUrls = wireFunctionUrls(ground, { platform, dispatcher });
  serveFunctions(behind(ground, awsApi, { functionUrls: functionUrls.serve }));
  const operatorApi = wireOperatorApi(ground, { machine, metrics, dispatcher, dataPlane });
  const before: Door = (...exchange) => operatorApi(...exchange) || codeDownloads.serve(...exchange);
  server.on("request", behind(ground, awsApi, { functionUrls: functionUrls.serve, before }));
  const plain = openPlainInvocations(server, clock, (arrived) => awsApi.handleWhole(wholeRequest(arrived)));
  const listenAlone = (alone: Server): Promise<string> => listen(alone, configuration);
  endpoint = await (dataPlane?.listen(listenAlone) ?? listenAlone(server));
  opened.add(() => Promise.all([plain.close(), closeServer(server)]));
  opened.add(() => mappings.settled());
  opened.add(() => asyncInvocations.settled());
  opened.add(() => Promise.all([dispatcher.close(DRAIN_MS), dataPlane?.drain(DRAIN_MS)]));
  opened.add(() => asyncInvocations.stop());
  opened.add(() => mappings.stop());
  platform.logs.connect(subscribedFunctions(platform.functions, dispatcher));
  // Provisioned environments start now: their functions may call back as soon as they are initialised.
  platform.functions.onConcurrencyChanged((concurrency) => dispatcher.configure(concurrency));
  await asyncInvocations.start();
  opened.serving();
  return {
    endpoint,
    isolation: machine.sandboxes.report,
    rootCredentialsFile: platform.rootCredentialsFile,
    runtimes: runtimeNames(machine),
    stop: () => opened.close(),
  };
}
