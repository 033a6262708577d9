import type { FunctionVersion } from "../core/function-version.ts";
import type { InitializationType } from "../core/platform-log.ts";
import type { Clock } from "../ports/clock.ts";
import type { CodeStore } from "../ports/code-store.ts";
import type { LogSink } from "../ports/log-sink.ts";
import type { InstalledRuntime, RuntimeCatalogue } from "../ports/runtime-catalogue.ts";
import type { Sandbox, SandboxDriver } from "../ports/sandbox.ts";
import type { CodeCacheAccess, CodeCachePacks } from "./code-cache-packs.ts";
import {
  functionEnvironmentVariables,
  logStreamName,
  type RoleCredentials,
} from "./environment-variables.ts";
import { ExecutionEnvironment } from "./execution-environment.ts";
import { InvocationLog } from "./invocation-log.ts";
import type { RuntimeApiSession } from "./runtime-api-session.ts";

/** Whom the requests that arrive on a sandbox's AWS endpoint come from. */
export interface EnvironmentIdentity {
  readonly account: string;
  readonly region: string;
  readonly roleArn: string;
  readonly functionName: string;
}

export interface EnvironmentFactoryDependencies {
  readonly clock: Clock;
  readonly codeStore: CodeStore;
  readonly runtimes: RuntimeCatalogue;
  readonly logs: LogSink;
  readonly sandboxes: SandboxDriver;
  /** 32 hexadecimal digits. */
  readonly newId: () => string;
  readonly issueCredentials: (identity: EnvironmentIdentity) => RoleCredentials;
  /** Connects the Runtime API door to the sandbox's listener. */
  readonly attachRuntimeApi: (sandbox: Sandbox, session: RuntimeApiSession) => void;
  readonly codeCache?: CodeCachePacks;
  /** Lets the sandbox fetch or send its pack of compiled code through the Runtime API door. */
  readonly attachCodeCache?: (sandbox: Sandbox, access: CodeCacheAccess) => void;
  /** Connects the AWS API door to the sandbox's listener, acting as the function's role only. */
  readonly attachAwsEndpoint: (sandbox: Sandbox, identity: EnvironmentIdentity) => void;
}

/** A new environment and the log it writes to; a repeated initialisation goes on in the same log stream. */
export interface MadeEnvironment {
  readonly environment: ExecutionEnvironment;
  readonly log: InvocationLog;
  readonly logStreamName: string;
  readonly runtime: InstalledRuntime;
}

/** Makes execution environments: code, credentials, variables, log stream, sandbox and doors put together. */
export class EnvironmentFactory {
  readonly #dependencies: EnvironmentFactoryDependencies;

  constructor(dependencies: EnvironmentFactoryDependencies) {
    this.#dependencies = dependencies;
  }

  /** Throws when the function's runtime is not on this machine (any more). `previous`: its log is continued. */
  make(
    version: FunctionVersion,
    previous?: MadeEnvironment,
    initializationType: InitializationType = "on-demand",
  ): MadeEnvironment {
    const { clock, newId, runtimes } = this.#dependencies;
    const runtime = runtimes.find(version.runtime);
    if (runtime === undefined) throw new Error(runtimes.missingAdvice(version.runtime));
    const id = newId();
    const streamName = previous?.logStreamName ?? logStreamName(version, id, clock.nowMs());
    const log = previous?.log ?? this.#openLog(version, streamName, initializationType);
    const environment = new ExecutionEnvironment({
      id,
      clock,
      log,
      memoryMb: version.memoryMb,
      createSandbox: (session) =>
        this.#createSandbox(version, runtime, { id, streamName, session, initializationType }),
    });
    return { environment, log, logStreamName: streamName, runtime };
  }

  #openLog(
    version: FunctionVersion,
    streamName: string,
    initializationType: InitializationType,
  ): InvocationLog {
    const { clock, logs } = this.#dependencies;
    const writer = logs.open({
      account: version.account,
      region: version.region,
      logGroupName: version.logging.logGroup,
      logStreamName: streamName,
    });
    return new InvocationLog(version, writer, clock, initializationType);
  }

  async #createSandbox(
    version: FunctionVersion,
    runtime: InstalledRuntime,
    run: {
      readonly id: string;
      readonly streamName: string;
      readonly session: RuntimeApiSession;
      readonly initializationType: InitializationType;
    },
  ): Promise<Sandbox> {
    const { codeStore, issueCredentials, sandboxes, attachAwsEndpoint, attachRuntimeApi } =
      this.#dependencies;
    const identity: EnvironmentIdentity = version;
    const codeCache = this.#dependencies.codeCache?.offer(version, runtime);
    const sandbox = await sandboxes.create({
      id: run.id,
      program: runtime.program,
      codeDirectory: await codeStore.directory(version.codeHash),
      environmentVariables: {
        ...functionEnvironmentVariables(version, runtime, {
          credentials: issueCredentials(identity),
          logStreamName: run.streamName,
          initializationType: run.initializationType,
        }),
        ...codeCache?.environmentVariables,
      },
      memoryMb: version.memoryMb,
      ephemeralStorageMb: version.ephemeralStorageMb,
    });
    if (codeCache !== undefined) this.#dependencies.attachCodeCache?.(sandbox, codeCache.access);
    attachRuntimeApi(sandbox, run.session);
    attachAwsEndpoint(sandbox, identity);
    return sandbox;
  }
}
