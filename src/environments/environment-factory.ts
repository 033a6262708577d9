import { firstAvailabilityZoneId } from "../core/availability-zone.ts";
import { checkFileSystem, type FileSystemTable } from "../core/file-systems.ts";
import type { FunctionVersion } from "../core/function-version.ts";
import type { InitializationType } from "../core/platform-records.ts";
import type { Clock } from "../ports/clock.ts";
import type { CodeStore } from "../ports/code-store.ts";
import type { LogSink } from "../ports/log-sink.ts";
import type { InstalledRuntime, RuntimeCatalogue } from "../ports/runtime-catalogue.ts";
import type {
  Sandbox,
  SandboxAssignment,
  SandboxDriver,
  SandboxMount,
  SandboxRequest,
  WaitingSandbox,
} from "../ports/sandbox.ts";
import type { CodeCacheAccess, CodeCacheOffer, CodeCachePacks } from "./code-cache-packs.ts";
import type { EnvironmentMetadata } from "./environment-metadata.ts";
import {
  functionEnvironmentVariables,
  logStreamName,
  type RoleCredentials,
} from "./environment-variables.ts";
import { ExecutionEnvironment } from "./execution-environment.ts";
import { withExtensions } from "./extension-launch.ts";
import { ExtensionSet } from "./extension-set.ts";
import { InvocationLog } from "./invocation-log.ts";
import { OutputPace } from "./output-pace.ts";
import { mayUseReserve } from "./reserve-eligibility.ts";
import type { ReservePool, WantedSandbox } from "./reserve-pool.ts";
import type { RuntimeApiSession } from "./runtime-api-session.ts";
import { TelemetryStream } from "./telemetry-stream.ts";
import { TelemetrySubscriptions } from "./telemetry-subscriptions.ts";

/** Whom the requests that arrive on a sandbox's AWS endpoint come from. */
export interface EnvironmentIdentity {
  readonly account: string;
  readonly region: string;
  readonly roleArn: string;
  readonly functionName: string;
}

export interface EnvironmentFactoryDependencies {
  readonly clock: Clock;
  readonly codeStore: Pick<CodeStore, "directory" | "layers">;
  readonly runtimes: RuntimeCatalogue;
  readonly logs: LogSink;
  readonly sandboxes: SandboxDriver;
  readonly fileSystems: FileSystemTable;
  /** Sandboxes that wait for a function; without it, each is made when it is needed. */
  readonly reserve?: ReservePool | undefined;
  /** 32 hexadecimal digits. */
  readonly newId: () => string;
  readonly newUuid: () => string;
  readonly issueCredentials: (identity: EnvironmentIdentity) => RoleCredentials;
  /** Where another process issues them, instead. */
  readonly fetchCredentials?: ((identity: EnvironmentIdentity) => Promise<RoleCredentials>) | undefined;
  /** Connects the Runtime API door to the sandbox's listener. */
  readonly attachRuntimeApi: (
    sandbox: Sandbox,
    session: RuntimeApiSession,
    beside: EnvironmentMetadata & {
      readonly extensions: ExtensionSet;
      readonly telemetry: TelemetrySubscriptions;
    },
  ) => void;
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
  /** Monotonic; a reset makes an environment no younger. */
  readonly createdMs: number;
}

/** The variables are made when the rest is under way: credentials take their time. */
type SandboxNeeds = Omit<SandboxRequest, "environmentVariables"> &
  Pick<SandboxAssignment, "environmentVariables"> &
  Pick<WantedSandbox, "preloads">;

/** Makes execution environments: code, credentials, variables, log stream, sandbox and doors put together. */
export class EnvironmentFactory {
  readonly #dependencies: EnvironmentFactoryDependencies;
  readonly #pace: OutputPace;

  constructor(dependencies: EnvironmentFactoryDependencies) {
    this.#dependencies = dependencies;
    this.#pace = new OutputPace(dependencies.clock);
  }

  /**
   * Throws when the function's runtime is not on this machine (any more). `previous`: the environment that is reset:
   * its log stream and /tmp are continued.
   */
  make(
    version: FunctionVersion,
    previous?: MadeEnvironment,
    initializationType: InitializationType = "on-demand",
  ): MadeEnvironment {
    const { clock, newId, runtimes } = this.#dependencies;
    const runtime = runtimes.find(version.runtime, version.runtimePin);
    if (runtime === undefined) throw new Error(runtimes.missingAdvice(version.runtime, version.runtimePin));
    const id = newId();
    const streamName = previous?.logStreamName ?? logStreamName(version, id, clock.nowMs());
    const log = previous?.log ?? this.#openLog(version, streamName, initializationType);
    const extensions = this.#extensions(version, log);
    const telemetry = new TelemetryStream(clock);
    log.observe(telemetry);
    const environment = new ExecutionEnvironment({
      id,
      clock,
      log,
      memoryMb: version.memoryMb,
      extensions,
      telemetry,
      createSandbox: (session) =>
        this.#createSandbox(version, runtime, {
          id,
          streamName,
          session,
          extensions,
          telemetry,
          log,
          initializationType,
          keepScratchOf: previous?.environment.sandbox,
        }),
    });
    const createdMs = previous?.createdMs ?? clock.monotonicMs();
    return { environment, log, logStreamName: streamName, runtime, createdMs };
  }

  #extensions(version: FunctionVersion, log: InvocationLog): ExtensionSet {
    const { clock, newUuid } = this.#dependencies;
    return new ExtensionSet({
      describes: {
        functionName: version.functionName,
        functionVersion: version.version,
        handler: version.handler,
        accountId: version.account,
      },
      newId: newUuid,
      clock,
      tell: (name, state, events, errorType) => log.extension({ name, state, events, errorType }),
    });
  }

  /** Whether an environment with this runtime is what `make` would make now. */
  isCurrent(runtime: InstalledRuntime, version: FunctionVersion): boolean {
    const current = this.#dependencies.runtimes.find(version.runtime, version.runtimePin);
    return current?.versionHash === runtime.versionHash && current.library === runtime.library;
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
    return new InvocationLog(version, writer, { clock, pace: this.#pace.open() }, initializationType);
  }

  /** Throws for a file system that was taken out of the configuration after the function had been configured. */
  #fileSystemsOf(version: FunctionVersion): SandboxMount[] | undefined {
    return version.fileSystems?.map((mount) => {
      checkFileSystem(mount, this.#dependencies.fileSystems);
      return { hostPath: this.#dependencies.fileSystems[mount.arn] ?? "", sandboxPath: mount.localMountPath };
    });
  }

  async #createSandbox(
    version: FunctionVersion,
    runtime: InstalledRuntime,
    run: {
      readonly id: string;
      readonly streamName: string;
      readonly session: RuntimeApiSession;
      readonly extensions: ExtensionSet;
      readonly telemetry: TelemetryStream;
      readonly log: InvocationLog;
      readonly initializationType: InitializationType;
      readonly keepScratchOf: Sandbox | undefined;
    },
  ): Promise<Sandbox | undefined> {
    const { codeStore, issueCredentials, attachAwsEndpoint, attachRuntimeApi } = this.#dependencies;
    const identity: EnvironmentIdentity = version;
    const fetching = this.#fetchCredentials(identity);
    const metadata = {
      availabilityZoneId: firstAvailabilityZoneId(version.region),
      token: this.#dependencies.newId(),
    };
    const layers = version.layers === undefined ? undefined : await codeStore.layers(version.layers);
    const hasExtensions = layers !== undefined && layers.extensions.length > 0;
    run.extensions.expect(layers?.extensions ?? []);
    const [failed] = Object.entries(layers?.launchErrors ?? {});
    if (failed !== undefined) {
      run.extensions.notLaunched(...failed);
      return undefined;
    }
    const fetched = fetching && (await fetching);
    const [codeDirectory, codeCache] = await Promise.all([
      codeStore.directory(version.codeHash),
      this.#dependencies.codeCache?.offer(version, runtime),
    ]);
    const sandbox = await this.#obtainSandbox(version, runtime, {
      id: run.id,
      program: hasExtensions ? withExtensions(runtime.program) : runtime.program,
      fileSystems: this.#fileSystemsOf(version),
      codeDirectory,
      layersDirectory: layers?.directory,
      environmentVariables: () => ({
        ...functionEnvironmentVariables(version, runtime, {
          credentials: fetched ?? issueCredentials(identity),
          logStreamName: run.streamName,
          initializationType: run.initializationType,
          metadataToken: metadata.token,
        }),
        ...codeCache?.environmentVariables,
      }),
      memoryMb: version.memoryMb,
      ephemeralStorageMb: version.ephemeralStorageMb,
      keepScratchOf: run.keepScratchOf,
      hasExtensions,
      preloads: codeCache?.preloads,
    });
    this.#attachCodeCache(sandbox, codeCache);
    const telemetry = new TelemetrySubscriptions({
      stream: run.telemetry,
      sandbox,
      clock: this.#dependencies.clock,
      logFormat: version.logging.logFormat,
      tell: (subscription) => run.log.subscription(subscription),
    });
    attachRuntimeApi(sandbox, run.session, { ...metadata, extensions: run.extensions, telemetry });
    attachAwsEndpoint(sandbox, identity);
    return sandbox;
  }

  #attachCodeCache(sandbox: Sandbox, offer: CodeCacheOffer | undefined): void {
    if (offer?.access !== undefined) this.#dependencies.attachCodeCache?.(sandbox, offer.access);
  }

  /** Begun early; whoever waits for it has its failure. */
  #fetchCredentials(identity: EnvironmentIdentity): Promise<RoleCredentials> | undefined {
    const fetching = this.#dependencies.fetchCredentials?.(identity);
    fetching?.catch(() => undefined);
    return fetching;
  }

  /** From the reserve where the function may take one and one waits; otherwise made now. */
  async #obtainSandbox(
    version: FunctionVersion,
    runtime: InstalledRuntime,
    { environmentVariables, preloads, ...request }: SandboxNeeds,
  ): Promise<Sandbox> {
    const { sandboxes, reserve } = this.#dependencies;
    const surroundings = {
      hasExtensions: request.hasExtensions === true,
      hasFileSystems: (request.fileSystems?.length ?? 0) > 0,
      keepsScratch: request.keepScratchOf !== undefined,
    };
    const mayWait = reserve !== undefined && mayUseReserve(version, runtime, surroundings);
    const { memoryMb } = version;
    const waiting = mayWait ? await waitingSandbox(reserve, runtime, { memoryMb, preloads }) : undefined;
    const create = (): Promise<Sandbox> =>
      sandboxes.create({ ...request, environmentVariables: environmentVariables() });
    if (waiting === undefined) return create();
    try {
      const { layersDirectory } = request;
      return await waiting.assign({ ...request, layersDirectory, environmentVariables });
    } catch {
      // It died just now; nothing of the function has run.
      return create();
    }
  }
}

/** Undefined where the sandbox has to be made for its function. */
async function waitingSandbox(
  reserve: ReservePool,
  runtime: InstalledRuntime,
  wanted: WantedSandbox,
): Promise<WaitingSandbox | undefined> {
  const taken = reserve.take(runtime, wanted);
  return taken ?? reserve.makeNow(runtime, wanted)?.catch(() => undefined);
}
