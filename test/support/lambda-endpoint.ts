import { randomUUID } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { LambdaClient } from "@aws-sdk/client-lambda";
import { createS3CodeObjects } from "../../src/adapters/code-objects-s3/code-objects-s3.ts";
import { openCodeStore } from "../../src/adapters/code-store-files/code-store-files.ts";
import type { ServiceDefinition } from "../../src/aws-api/protocol/handlers.ts";
import { createCodeDownloads } from "../../src/aws-api/services/lambda/code-download.ts";
import { lambdaService } from "../../src/aws-api/services/lambda/lambda-service.ts";
import { NOTHING_ALLOCATED, type ProvisionedAllocation } from "../../src/core/function-concurrency.ts";
import type { InvocationRequest, InvocationResult, ResponseSink } from "../../src/core/invocation.ts";
import { TraceHeaders } from "../../src/core/trace-header.ts";
import { BatchInvoker } from "../../src/event-source-mappings/batch-invoker.ts";
import { EventSourceMappings } from "../../src/event-source-mappings/event-source-mappings.ts";
import { MappingEngine } from "../../src/event-source-mappings/mapping-engine.ts";
import { sqsSource } from "../../src/event-source-mappings/sources/sqs/sqs-source.ts";
import { createFunctionService, type FunctionService } from "../../src/functions/function-service.ts";
import type { CodeStore } from "../../src/ports/code-store.ts";
import { mappedFunctions } from "../../src/wiring/event-source-mappings.ts";
import { type AsyncEvents, asyncEvents } from "./async-events.ts";
import { TEST_RUNTIMES } from "./function-fixture.ts";
import { ManualClock } from "./manual-clock.ts";
import { MemoryQueues } from "./memory-queues.ts";
import { MemoryBlobStore, MemoryKeyValueStore } from "./memory-store.ts";
import { startProtocolServer } from "./protocol-server.ts";

export const TEST_ACCESS_POINT =
  "arn:aws:elasticfilesystem:eu-west-1:123456789012:access-point/fsap-0123456789abcdef0";
const TEST_FILE_SYSTEMS = { [TEST_ACCESS_POINT]: "/srv/shared" };

/** The Lambda API over HTTP with everything real but the store, the clock and the running of functions. */
export interface LambdaEndpoint {
  readonly endpoint: string;
  readonly client: LambdaClient;
  readonly functions: FunctionService;
  readonly clock: ManualClock;
  /** What event source mappings read. */
  readonly queues: MemoryQueues;
  /** Actions that the functions' roles may not do. */
  readonly deniedToRoles: Set<string>;
  /** Asynchronous invocations, which run on the same clock. */
  readonly events: AsyncEvents;
  /** What was invoked, and how to answer it. */
  readonly invocations: InvocationRequest[];
  answer: (request: InvocationRequest) => InvocationResult;
  /** How far all provisioned environments are said to be. */
  allocation: ProvisionedAllocation;
  /** The same for callers that take a stream; a buffered answer unless a test says otherwise. */
  stream: (request: InvocationRequest, sink: ResponseSink) => Promise<InvocationResult> | InvocationResult;
  /** Keeps synchronous invocations running until the returned function is called. */
  holdInvocations(): () => void;
  /** Keeps creations and updates under way until the returned function is called. */
  hold(): () => void;
  close(): Promise<void>;
}

export const ACCOUNT = "000000000000";
export const REGION = "eu-west-1";
export const ROLE_ARN = `arn:aws:iam::${ACCOUNT}:role/service`;

export const arnOf = (name: string): string => `arn:aws:lambda:${REGION}:${ACCOUNT}:function:${name}`;

const NO_S3 = { s3Endpoint: "", s3AccessKeyId: "", s3SecretAccessKey: "" };

export async function openLambdaEndpoint(
  options: {
    readonly s3?: typeof NO_S3;
    /** Sees every input before its handler does, and may hand on another one. */
    readonly observe?: (operation: string, input: object) => object;
  } = {},
): Promise<LambdaEndpoint> {
  const directory = await mkdtemp(join(tmpdir(), "lambent-lambda-"));
  const clock = new ManualClock();
  const ignore = (): void => undefined;
  const { codeStore, hold } = gated(
    await openCodeStore({ directory: join(directory, "code"), blobs: new MemoryBlobStore() }),
  );
  const keyValue = new MemoryKeyValueStore();
  const logger = { debug: ignore, info: ignore, warn: ignore, error: ignore };
  const functions = await createFunctionService({
    keyValue,
    codeStore,
    runtimes: TEST_RUNTIMES,
    clock,
    logger,
    random: () => 0.5,
    hostArchitecture: "x86_64",
  });
  const codeDownloads = createCodeDownloads({ codeStore, clock, endpoint: () => server.endpoint });
  const invocations: InvocationRequest[] = [];
  const allocations = { provisionedAllocation: () => lambda.allocation };
  let held: Promise<void> | undefined;
  const invoker = {
    invoke: async (request: InvocationRequest) => {
      invocations.push(request);
      if (held !== undefined) await held;
      return lambda.answer(request);
    },
    invokeStreaming: async (request: InvocationRequest, sink: ResponseSink) => {
      invocations.push(request);
      return lambda.stream(request, sink);
    },
  };
  const queues = new MemoryQueues(clock);
  const deniedToRoles = new Set<string>();
  const mapped = mappedFunctions(functions);
  const sources = {
    sqs: sqsSource({ queues, clock, roleMay: (_role, action) => !deniedToRoles.has(action) }),
  };
  const engine = new MappingEngine({
    clock,
    invoker: new BatchInvoker({ clock, functions: mapped, invoker, metrics: { add: ignore } }),
    sources,
  });
  const mappings = await EventSourceMappings.open({
    keyValue,
    clock,
    logger,
    functions: mapped,
    sources,
    engine,
    newId: randomUUID,
  });
  mappings.start();
  const events = asyncEvents({ functions, invoker, clock });
  await events.invocations.start();
  const { observe } = options;
  const server = await startProtocolServer(
    [
      observed(
        observe,
        lambdaService({
          functions,
          invoker,
          asyncInvoker: events.invocations,
          eventMetrics: events.metrics,
          allocations,
          mappings,
          runtimes: TEST_RUNTIMES,
          clock,
          codeDownloads,
          codeObjects: createS3CodeObjects({ defaultRegion: REGION, ...(options.s3 ?? NO_S3) }),
          functionUrl: (urlId, region) => `http://${urlId}.lambda-url.${region}.localhost/`,
          traceHeaders: new TraceHeaders(),
          fileSystems: TEST_FILE_SYSTEMS,
        }),
      ),
    ],
    { intercept: codeDownloads.serve },
  );
  const lambda: LambdaEndpoint = {
    endpoint: server.endpoint,
    client: new LambdaClient({
      endpoint: server.endpoint,
      region: REGION,
      credentials: { accessKeyId: "test", secretAccessKey: "test" },
      maxAttempts: 1,
    }),
    functions,
    clock,
    queues,
    deniedToRoles,
    events,
    invocations,
    answer: ({ payload }) => ({ payload, functionError: undefined, logTail: undefined }),
    allocation: NOTHING_ALLOCATED,
    stream: (request) => lambda.answer(request),
    hold,
    holdInvocations() {
      const { promise, resolve } = Promise.withResolvers<void>();
      held = promise;
      return resolve;
    },
    async close() {
      lambda.client.destroy();
      await server.close();
      mappings.stop();
      await mappings.settled();
      await mappings.close();
      events.invocations.stop();
      await functions.close();
      await rm(directory, { recursive: true });
      if (server.logged.length > 0)
        throw new AggregateError(server.logged, "unexpected errors in the server");
    },
  };
  return lambda;
}

function observed(
  observe: ((operation: string, input: object) => object) | undefined,
  service: ServiceDefinition,
): ServiceDefinition {
  if (observe === undefined) return service;
  const handlers = Object.entries(service.handlers).map(([name, handler]): [string, typeof handler] => [
    name,
    (input: object, context) => handler?.(observe(name, input), context),
  ]);
  return { ...service, handlers: Object.fromEntries(handlers) };
}

/** A code store whose directories can be made to take their time. */
function gated(codeStore: CodeStore): { codeStore: CodeStore; hold: () => () => void } {
  let gate = Promise.resolve();
  return {
    codeStore: {
      add: (zip) => codeStore.add(zip),
      directory: (codeHash) => gate.then(() => codeStore.directory(codeHash)),
      layers: (codeHashes) => codeStore.layers(codeHashes),
      read: (codeHash) => codeStore.read(codeHash),
      list: () => codeStore.list(),
      remove: (codeHash) => codeStore.remove(codeHash),
    },
    hold() {
      const { promise, resolve } = Promise.withResolvers<void>();
      gate = promise;
      return resolve;
    },
  };
}
