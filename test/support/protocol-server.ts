import { once } from "node:events";
import http from "node:http";
import type { AddressInfo } from "node:net";
import * as cloudwatch from "@aws-sdk/client-cloudwatch";
import * as logs from "@aws-sdk/client-cloudwatch-logs";
import * as eventbridge from "@aws-sdk/client-eventbridge";
import * as iam from "@aws-sdk/client-iam";
import * as lambda from "@aws-sdk/client-lambda";
import * as scheduler from "@aws-sdk/client-scheduler";
import * as sns from "@aws-sdk/client-sns";
import * as sqs from "@aws-sdk/client-sqs";
import * as sts from "@aws-sdk/client-sts";
import { systemClock } from "../../src/adapters/clock-system/clock-system.ts";
import { Dispatcher, type DispatcherOptions } from "../../src/aws-api/protocol/dispatcher.ts";
import type { RequestContext, ServiceDefinition } from "../../src/aws-api/protocol/handlers.ts";
import { buildServiceModel } from "../../src/aws-api/protocol/service-model.ts";
import { openPlainInvocations, wholeRequest } from "../../src/wiring/plain-invocations.ts";
import { ManualClock } from "./manual-clock.ts";

/** What the tests configure every client with. */
export const clientConfiguration = {
  region: "eu-west-1",
  credentials: { accessKeyId: "AKIDEXAMPLE", secretAccessKey: "secret" },
  maxAttempts: 1,
};

/** The services whose clients are installed. */
export const sdkServices = [
  { signingName: "lambda", module: lambda, Client: lambda.LambdaClient },
  { signingName: "iam", module: iam, Client: iam.IAMClient },
  { signingName: "sts", module: sts, Client: sts.STSClient },
  { signingName: "logs", module: logs, Client: logs.CloudWatchLogsClient },
  { signingName: "sns", module: sns, Client: sns.SNSClient },
  { signingName: "sqs", module: sqs, Client: sqs.SQSClient },
  { signingName: "monitoring", module: cloudwatch, Client: cloudwatch.CloudWatchClient },
  { signingName: "events", module: eventbridge, Client: eventbridge.EventBridgeClient },
  { signingName: "scheduler", module: scheduler, Client: scheduler.SchedulerClient },
] as const;

export type AnyHandler = (operation: string, input: never, context: RequestContext) => unknown;

/** Every operation of every installed service, answered by one function. */
export function allOperations(answer: AnyHandler): ServiceDefinition[] {
  return sdkServices.map(({ signingName, module, Client }) => {
    const definition = { signingName, module, client: new Client(clientConfiguration), handlers: {} };
    const names = [...buildServiceModel(definition).operations.keys()];
    const handlerOf = (name: string) => (input: unknown, context: RequestContext) =>
      answer(name, input as never, context);
    const handlers: ServiceDefinition["handlers"] = Object.fromEntries(
      names.map((name) => [name, handlerOf(name)]),
    );
    return { ...definition, handlers };
  });
}

export interface ProtocolServer {
  readonly endpoint: string;
  readonly port: number;
  /** Everything that was logged, that is, every unexpected error. */
  readonly logged: unknown[];
  close(): Promise<void>;
}

/** Serves services on a loopback port; `intercept` may answer requests itself. */
export async function startProtocolServer(
  services: readonly ServiceDefinition[],
  options: Partial<DispatcherOptions> & {
    intercept?: (request: http.IncomingMessage, response: http.ServerResponse) => boolean;
  } = {},
): Promise<ProtocolServer> {
  const logged: unknown[] = [];
  const { intercept, ...overrides } = options;
  const dispatcher = new Dispatcher({
    services,
    authenticate: ({ region }) => ({
      account: "000000000000",
      region: region ?? "us-east-1",
      principal: { type: "root", account: "000000000000" },
    }),
    authorize: () => {},
    clock: new ManualClock(),
    log: (error) => logged.push(error),
    validates: true,
    ...overrides,
  });
  const server = http.createServer((request, response) => {
    if (!intercept?.(request, response)) void dispatcher.serve(request, response);
  });
  const plainInvocations = openPlainInvocations(
    server,
    systemClock,
    (arrived) => void dispatcher.serveWhole(wholeRequest(arrived)),
  );
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  return {
    endpoint: `http://127.0.0.1:${port}`,
    port,
    logged,
    async close() {
      plainInvocations.close();
      server.closeAllConnections();
      server.close();
      await once(server, "close");
    },
  };
}
