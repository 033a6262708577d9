import { randomUUID } from "node:crypto";
import { mkdir } from "node:fs/promises";
import type { Socket } from "node:net";
import { systemClock as clock } from "../adapters/clock-system/clock-system.ts";
import type { Configuration } from "../config.ts";
import type { FunctionVersion } from "../core/function-version.ts";
import type { CallsOfMain, CallsOfProcess } from "../data-plane/calls.ts";
import type { Channel } from "../data-plane/channel.ts";
import { distantPacks } from "../data-plane/distant-packs.ts";
import type { Forwarding } from "../data-plane/forwarding.ts";
import type { Outbox } from "../data-plane/outbox.ts";
import { CodeCachePacks } from "../environments/code-cache-packs.ts";
import { EnvironmentFactory } from "../environments/environment-factory.ts";
import type { ReservePool } from "../environments/reserve-pool.ts";
import { InvocationDispatcher } from "../invocation/invocation-dispatcher.ts";
import type { Logger } from "../ports/logger.ts";
import { attachCodeCache } from "../runtime-api/code-cache-route.ts";
import { RuntimeApi } from "../runtime-api/runtime-api.ts";
import { logFailure, newId, type Opened } from "./ground.ts";
import { dispatcherLimits, followRuntimes, wireReserve } from "./invocations.ts";
import { openMachineOfProcess, openPackFiles } from "./machine.ts";

/** The account's limits are the main process's to keep: it lends what may run. */
const UNLIMITED_CONCURRENCY = 1_000_000_000;

/** The environments of a data-plane process, and who brings invocations to them. */
export interface OwnEnvironments {
  readonly dispatcher: InvocationDispatcher;
  readonly reserve: ReservePool;
  hasRuntime(version: FunctionVersion): Promise<boolean>;
  retire(deploymentId: string): void;
}

export interface OwnEnvironmentsParts {
  readonly configuration: Configuration;
  readonly logger: Logger;
  readonly opened: Opened;
  readonly number: number;
  /** This process's alone. */
  readonly directory: string;
  readonly channel: Channel<CallsOfProcess, CallsOfMain>;
  readonly outbox: Outbox;
  readonly forwarding: Forwarding;
}

/** Opens what a process needs to run functions: sandboxes of its own, and all that is kept once behind the channel. */
export async function openOwnEnvironments(parts: OwnEnvironmentsParts): Promise<OwnEnvironments> {
  const { configuration, logger, opened, number, directory, channel, outbox, forwarding } = parts;
  await mkdir(directory, { recursive: true, mode: 0o700 });
  const [machine, packFiles] = await Promise.all([
    // The main process has seen to what can be installed.
    openMachineOfProcess(parts, {
      directory,
      allowInstall: false,
      announce: (line) => logger.info(line, {}),
    }),
    openPackFiles(configuration, number),
  ]);
  const runtimeApi = new RuntimeApi(clock);
  const reserve = wireReserve({ configuration, logger }, machine, () => dispatcher.environmentCounts());
  opened.add(() => reserve.close());
  const factory = new EnvironmentFactory({
    ...machine,
    clock,
    reserve,
    codeCache: new CodeCachePacks(distantPacks(channel, packFiles)),
    codeStore: {
      directory: (codeHash) => channel.ask("codeDirectory", { codeHash }),
      layers: (codeHashes) => channel.ask("layersDirectory", { codeHashes }),
    },
    logs: outbox.logs,
    newId,
    newUuid: randomUUID,
    fetchCredentials: ({ account, region, roleArn, functionName }) =>
      channel.ask("credentials", { account, region, roleArn, functionName }),
    issueCredentials: () => {
      throw new Error("Only the main process issues credentials.");
    },
    attachRuntimeApi: (sandbox, session, beside) => runtimeApi.attach(sandbox.runtimeApi, session, beside),
    attachCodeCache: (sandbox, access) => attachCodeCache(sandbox.runtimeApi, access),
    attachAwsEndpoint: (sandbox, identity) =>
      sandbox.awsEndpoint.on("connection", (socket: Socket) =>
        forwarding.forwardFunction(socket, { ...identity, environment: sandbox.id }),
      ),
  });
  const dispatcher = new InvocationDispatcher({
    clock,
    metrics: outbox.metrics,
    functionMetrics: outbox.functionMetrics,
    factory,
    platformFailure: (error, context) =>
      logFailure(logger, "an environment could not be started", { error, context }),
    limits: { ...dispatcherLimits(configuration), accountConcurrency: UNLIMITED_CONCURRENCY },
  });
  const { runtimes } = machine;
  followRuntimes({ configuration, opened }, machine, dispatcher);
  const isKnown = ({ runtime, runtimePin }: FunctionVersion): boolean =>
    runtimes.find(runtime, runtimePin) !== undefined;
  return {
    dispatcher,
    reserve,
    async hasRuntime(version) {
      if (!isKnown(version)) await runtimes.refresh();
      return isKnown(version);
    },
    retire: (deploymentId) => dispatcher.retire(deploymentId),
  };
}
