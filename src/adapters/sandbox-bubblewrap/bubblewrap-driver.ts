import { statSync } from "node:fs";
import { join } from "node:path";
import type { Clock } from "../../ports/clock.ts";
import {
  EXTENSION_OUTPUT_PATH,
  type IsolationReport,
  type ReserveRequest,
  type Sandbox,
  type SandboxDriver,
  type SandboxRequest,
  type WaitingSandbox,
} from "../../ports/sandbox.ts";
import { type Belongings, KeptBelongings } from "./belongings.ts";
import type { RootFileSystem, SandboxView } from "./bubblewrap-arguments.ts";
import { BubblewrapSandbox, initialLimits, PROCESSES_MAX } from "./bubblewrap-sandbox.ts";
import { ConnectionAllowance } from "./connection-allowance.ts";
import { LISTENER_PORTS, listenerVariables } from "./hand-over-channel.ts";
import type { MountPoint } from "./helper/template-steps.ts";
import type { HostPaths } from "./host-paths.ts";
import type { RelayPrograms } from "./inside-relay.ts";
import { BubblewrapWaitingSandbox } from "./late-code/bubblewrap-waiting-sandbox.ts";
import type { LateDirectories, LateDirectory } from "./late-code/late-directories.ts";
import { type Launch, TELEMETRY_VARIABLE } from "./launch.ts";
import type { LaunchCommand } from "./launch-command.ts";
import { LaunchReserve } from "./launch-reserve.ts";
import type { LaunchSettings } from "./launch-settings.ts";
import { makeNamedPipe, type NamedPipe } from "./named-pipes.ts";
import type { OutboundNetwork, SandboxLink } from "./network/outbound-network.ts";
import { ownProgram } from "./own-program.ts";
import type { ScratchVolume } from "./scratch-volumes.ts";
import { forkInto } from "./zygote/forked-launch.ts";
import type { Zygote } from "./zygote/zygote.ts";
import type { Zygotes } from "./zygote/zygotes.ts";

const MEBIBYTE = 1_048_576;
/** Initialisation itself has 10 s on AWS; the hand-over is its first few milliseconds. */
const HAND_OVER_TIMEOUT_MS = 10_000;
/** From the hand-over until the program waits for its function. */
const PREPARATION_TIMEOUT_MS = 30_000;
/** Between the end of a program's channel and its own. */
const LAST_WORDS_MS = 200;
/** What is prepared for the next sandbox must not take the processor from the one that is just starting. */
const REFILL_DELAY_MS = 100;
/** Of what bwrap or the program has said before it failed. */
const COMPLAINT_CHARACTERS = 2_000;
const PRLIMIT_INSIDE = "/usr/bin/prlimit";

/** The parts a driver works with, and how they are given back. */
export interface DriverParts {
  readonly clock: Clock;
  readonly report: IsolationReport;
  readonly launchSettings: LaunchSettings;
  readonly rootFileSystem: RootFileSystem;
  readonly hostPaths: HostPaths;
  /** Undefined: a running sandbox cannot be shown anything new, so none can wait for its function. */
  readonly lateDirectories: LateDirectories | undefined;
  /** Undefined: every sandbox's program is started in it, none is forked. */
  readonly zygotes: Zygotes | undefined;
  /** Undefined: sandboxes have nothing but their own loopback interface. */
  readonly network: OutboundNetwork | undefined;
  /** Undefined: nothing inside a sandbox can be reached from outside. */
  readonly relayPrograms: RelayPrograms | undefined;
  /** Called once, when no sandbox is left. */
  readonly close: () => Promise<void>;
}

/** What a sandbox has of its own, and gives back with its end. */
interface SandboxBelongings {
  readonly link?: SandboxLink | undefined;
  readonly directory?: LateDirectory | undefined;
  readonly extensionOutput?: NamedPipe | undefined;
}

/** Runs each execution environment in a sandbox made by bubblewrap. */
export class BubblewrapDriver implements SandboxDriver {
  readonly report: IsolationReport;
  readonly prepare: SandboxDriver["prepare"];
  readonly forks: boolean;
  readonly #parts: DriverParts;
  readonly #reserve: LaunchReserve;
  readonly #sandboxes = new Set<BubblewrapSandbox>();
  readonly #connections = new ConnectionAllowance();
  #closed: Promise<void> | undefined;

  constructor(parts: DriverParts) {
    this.report = parts.report;
    this.#parts = parts;
    const { lateDirectories } = parts;
    this.forks = parts.zygotes !== undefined;
    if (lateDirectories !== undefined) this.prepare = (request) => this.#prepare(request, lateDirectories);
    this.#reserve = new LaunchReserve(parts.launchSettings, (launch) =>
      this.#newSandbox({ id: launch.id, memoryMb: 0 }, launch, {}).destroy(),
    );
  }

  async create(request: SandboxRequest): Promise<Sandbox> {
    const command = await this.#commandOf(request);
    const variables = command.isFunctions === true ? programVariables : startVariables;
    const { sandbox, connected } = await this.#start(
      { ...request, environmentVariables: variables(request.environmentVariables) },
      { command },
    );
    await this.#handedOver(sandbox, connected, command);
    // In a later turn: whoever waits for this sandbox connects its doors before the program may go on.
    setImmediate(() => sandbox.handOver.disconnect());
    return sandbox;
  }

  /** The function's own program where nothing has to be done before; otherwise what becomes it. */
  async #commandOf(request: SandboxRequest): Promise<LaunchCommand> {
    const { helpers } = this.#parts.launchSettings;
    const { program, hasExtensions, ...shown } = request;
    const mountPoints = mountPointsOf(request);
    const opensListeners = helpers?.now !== undefined && hasExtensions !== true;
    const own = opensListeners && program.becomes ? await ownProgram(program.becomes, shown) : undefined;
    return own === undefined
      ? { words: program.command, mountPoints }
      : { words: [own], isFunctions: true, mountPoints };
  }

  async #prepare(request: ReserveRequest, directories: LateDirectories): Promise<WaitingSandbox> {
    const { zygotes, launchSettings } = this.#parts;
    const { program } = request;
    const variables = { ...startVariables(request.environmentVariables), LAMBENT_RESERVE: "1" };
    const started = { ...request, environmentVariables: variables };
    const { holder } = launchSettings;
    const forked = { ...variables, ...listenerVariables() };
    if (request.isUrgent === true && zygotes?.isReady(program, forked) !== true)
      throw new Error("there is nothing to fork it from yet");
    const zygote = request.canFork === true ? await zygotes?.get(program, forked) : undefined;
    if (zygote === undefined || holder === undefined) return this.#prepareWith(started, directories);
    try {
      return await this.#prepareWith(started, directories, { zygote, command: holder.command });
    } catch (error) {
      if (this.#closed !== undefined) throw error;
      zygotes?.failed(program, forked, new Error(`${messageOf(error)} ${zygote.complaints}`.trim()));
      return this.#prepareWith(started, directories);
    }
  }

  async #prepareWith(
    request: ReserveRequest,
    directories: LateDirectories,
    fork?: { readonly zygote: Zygote; readonly command: readonly string[] },
  ): Promise<WaitingSandbox> {
    const directory = directories.make();
    const words = fork?.command ?? request.program.command;
    const command = { words, mountPoints: mountPointsOf(request) };
    const { sandbox, connected } = await this.#start(
      { ...request, codeDirectory: directory.task },
      { command, directory, zygote: fork?.zygote },
    );
    await this.#handedOver(sandbox, connected, command);
    const { hostPaths } = this.#parts;
    const waiting = new BubblewrapWaitingSandbox({ sandbox, directory, hostPaths, programVariables });
    sandbox.handOver.disconnect();
    const cancel = this.#parts.clock.after(PREPARATION_TIMEOUT_MS, () => void sandbox.destroy());
    try {
      await waiting.ready();
      return waiting;
    } catch (error) {
      await sandbox.destroy();
      throw error;
    } finally {
      cancel();
    }
  }

  /** Resolves when both listeners are held and the sandbox has its network; destroys it when that fails. */
  async #handedOver(
    sandbox: BubblewrapSandbox,
    connected: Promise<void>,
    command: LaunchCommand,
  ): Promise<void> {
    const timeout = Promise.withResolvers<never>();
    const cancel = this.#parts.clock.after(HAND_OVER_TIMEOUT_MS, () =>
      timeout.reject(new Error(`no hand-over within ${HAND_OVER_TIMEOUT_MS} ms`)),
    );
    const ended = sandbox.exited.then(({ code, signal }) => {
      throw new Error(`the program ended before the hand-over (${signal ?? `exit status ${code}`})`);
    });
    ended.catch(() => {});
    try {
      // The interface comes while the program starts, and is there before the program may go on.
      await Promise.race([Promise.all([sandbox.handOver.received(), connected]), ended, timeout.promise]);
    } catch (error) {
      // A program that ends closes its channel first; its end says more than the channel's.
      const delay = Promise.withResolvers<void>();
      this.#parts.clock.after(LAST_WORDS_MS, () => delay.resolve());
      const reason = await Promise.race([delay.promise, ended]).then(
        () => messageOf(error),
        (end: unknown) => messageOf(end),
      );
      const said = complaint(sandbox);
      await sandbox.destroy();
      throw new Error(`the sandbox did not start: ${reason}${said}`);
    } finally {
      cancel();
      this.#refillLater(command);
    }
    sandbox.trackConnections(this.#connections);
  }

  /**
   * Runs a command in a sandbox to its end, without a hand-over, to see whether sandboxes work here. Rejects with
   * what went wrong.
   */
  async probe(command: readonly string[], codeDirectory: string): Promise<void> {
    const program = { command, mounts: [] };
    const limits = { memoryMb: 128, ephemeralStorageMb: 512 };
    const { sandbox } = await this.#start(
      { id: "probe", program, codeDirectory, environmentVariables: startVariables({}), ...limits },
      { command: { words: command, mountPoints: [] } },
    );
    // It is started when the listeners are there, or ends without any.
    await Promise.race([sandbox.handOver.received().catch(() => undefined), sandbox.exited]);
    sandbox.handOver.disconnect();
    const { code, signal } = await sandbox.exited;
    const said = complaint(sandbox);
    await sandbox.destroy();
    if (code !== 0) throw new Error(`${signal ?? `exit status ${code}`}${said}`);
  }

  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  async #close(): Promise<void> {
    await this.discard();
    await this.#parts.close();
  }

  /** Destroys every sandbox and every waiting launch, and nothing that the driver was given. */
  async discard(): Promise<void> {
    await this.#reserve.close();
    await Promise.all([...this.#sandboxes].map((sandbox) => sandbox.destroy()));
    await this.#parts.zygotes?.close();
  }

  /** Starts the program; it waits for its hand-over. `connected` resolves when it has its network. */
  async #start(
    request: SandboxRequest,
    {
      command,
      directory,
      zygote,
    }: {
      readonly command: LaunchCommand;
      readonly directory?: LateDirectory;
      readonly zygote?: Zygote | undefined;
    },
  ): Promise<{ sandbox: BubblewrapSandbox; connected: Promise<void> }> {
    if (this.#closed !== undefined) throw new Error("the sandbox driver is closed");
    const bubblewrap = await this.#launch(request, command).catch(async (error: unknown) => {
      await directory?.release();
      throw error;
    });
    const { launch, forked } =
      zygote === undefined ? { launch: bubblewrap, forked: undefined } : forkInto(bubblewrap, zygote);
    const link = this.#parts.network?.newLink(this.#parts.launchSettings.helpers);
    const extensionOutput = await this.#extensionOutput(request, launch).catch(async (error: unknown) => {
      await this.#newSandbox(request, launch, { link, directory }).destroy();
      throw error;
    });
    const sandbox = this.#newSandbox(request, launch, { link, directory, extensionOutput });
    try {
      const belongings = { scratch: launch.scratch, directory, extensionOutput };
      const view = await this.#view(request, belongings, { launch, isForked: zygote !== undefined });
      launch.group?.setLimits(initialLimits(request.memoryMb));
      launch.start(view);
      return { sandbox, connected: allOf(connect(link, launch), forked ?? Promise.resolve()) };
    } catch (error) {
      await sandbox.destroy();
      throw error;
    }
  }

  /** Only for those that have extensions. */
  async #extensionOutput(request: SandboxRequest, launch: Launch): Promise<NamedPipe | undefined> {
    if (request.hasExtensions !== true) return undefined;
    const { pipesDirectory, helpers } = this.#parts.launchSettings;
    const path = join(pipesDirectory, `${request.id}-extensions`);
    return makeNamedPipe(path, { owner: launch.user, helper: helpers?.now });
  }

  /** A waiting bwrap: as they come, or one with what another sandbox of the same environment has had. */
  async #launch(
    { ephemeralStorageMb, keepScratchOf }: SandboxRequest,
    wanted: LaunchCommand,
  ): Promise<Launch> {
    const command = this.#limited(wanted);
    const kept =
      keepScratchOf instanceof BubblewrapSandbox ? await keepScratchOf.handOnBelongings() : undefined;
    if (kept?.user === undefined) return this.#reserve.take(command, ephemeralStorageMb);
    try {
      return await this.#reserve.prepareFor(command, kept);
    } catch (error) {
      await this.#giveBack(kept);
      throw error;
    }
  }

  async #giveBack({ user, scratch }: Belongings): Promise<void> {
    await scratch?.release();
    if (user !== undefined) this.#parts.launchSettings.users?.release(user);
  }

  #refillLater(command: LaunchCommand): void {
    this.#parts.clock.after(REFILL_DELAY_MS, () => {
      if (this.#closed !== undefined) return;
      // What cannot be prepared fails again, with its reason, when it is needed.
      this.#reserve.refill(this.#limited(command)).catch(() => {});
    });
  }

  #newSandbox(
    request: Pick<SandboxRequest, "id" | "memoryMb">,
    launch: Launch,
    { link, directory, extensionOutput }: SandboxBelongings,
  ): BubblewrapSandbox {
    const sandbox = new BubblewrapSandbox({
      id: request.id,
      memoryMb: request.memoryMb,
      launch,
      extensionOutput: extensionOutput?.reader,
      relayPrograms: this.#parts.relayPrograms,
      belongings: new KeptBelongings({ user: launch.user, scratch: launch.scratch }, (kept) =>
        this.#giveBack(kept),
      ),
      onStopped: async () => {
        link?.release();
        await extensionOutput?.release();
        await directory?.release();
      },
      onDestroyed: () => this.#sandboxes.delete(sandbox),
    });
    this.#sandboxes.add(sandbox);
    return sandbox;
  }

  async #view(
    request: SandboxRequest,
    {
      scratch,
      directory,
      extensionOutput,
    }: Omit<SandboxBelongings, "link"> & { readonly scratch: ScratchVolume | undefined },
    { launch, isForked }: { readonly launch: Launch; readonly isForked: boolean },
  ): Promise<SandboxView> {
    const { hostPaths, rootFileSystem } = this.#parts;
    const mounts = request.program.mounts.map(async ({ hostPath, sandboxPath }) => ({
      source: await hostPaths.reachable(hostPath),
      sandboxPath,
    }));
    const fileSystems = (request.fileSystems ?? []).map(async ({ hostPath, sandboxPath }) => ({
      source: await hostPaths.writable(hostPath),
      sandboxPath,
    }));
    const { layersDirectory } = request;
    const layers = layersDirectory === undefined ? undefined : await hostPaths.reachable(layersDirectory);
    return {
      rootFileSystem,
      mounts: [
        ...(await Promise.all(mounts)),
        ...(extensionOutput === undefined
          ? []
          : [{ source: extensionOutput.path, sandboxPath: EXTENSION_OUTPUT_PATH }]),
      ],
      fileSystems: await Promise.all(fileSystems),
      codeDirectory: directory?.task ?? (await hostPaths.reachable(request.codeDirectory)),
      layersDirectory: directory?.opt ?? layers,
      scratch: scratch ?? { sizeBytes: request.ephemeralStorageMb * MEBIBYTE },
      // A forked program has its variables from its zygote.
      environmentVariables: isForked
        ? {}
        : { ...request.environmentVariables, ...(launch.hasListeners ? {} : listenerVariables()) },
      isFirstProcess: isForked,
    };
  }

  /** Where no control group limits processes, the sandbox's own user namespace counts them. */
  #limited(command: LaunchCommand): LaunchCommand {
    if (this.#parts.launchSettings.groups?.limits.processes === true) return command;
    const limit = [PRLIMIT_INSIDE, `--nproc=${PROCESSES_MAX}:${PROCESSES_MAX}`, "--"];
    return { ...command, words: [...limit, ...command.words] };
  }
}

/** Where a sandbox will be shown what not every one has. */
function mountPointsOf({
  program,
  fileSystems = [],
  hasExtensions,
}: Pick<SandboxRequest, "program" | "fileSystems" | "hasExtensions">): MountPoint[] {
  const shown = [...program.mounts, ...fileSystems].map(({ hostPath, sandboxPath }) => {
    // One that is not there is complained of when it is to be shown.
    const isFile = statSync(hostPath, { throwIfNoEntry: false })?.isFile() === true;
    return { path: sandboxPath, isFile };
  });
  return hasExtensions === true ? [...shown, { path: EXTENSION_OUTPUT_PATH, isFile: true }] : shown;
}

/** Its failure, and a sandbox that ends before, are for whoever waits for it. */
function connect(link: SandboxLink | undefined, launch: Launch): Promise<void> {
  if (link === undefined) return Promise.resolve();
  const { parentOfFirst: parent, group } = launch;
  const connected = launch.firstProcess.then((firstProcess) =>
    link.connect({ firstProcess, parent, group: group?.name }),
  );
  connected.catch(() => {});
  return connected;
}

function allOf(...promises: readonly Promise<unknown>[]): Promise<void> {
  const all = Promise.all(promises).then(() => undefined);
  all.catch(() => {});
  return all;
}

/** The function's variables and those by which the program finds the APIs. */
function programVariables(variables: Readonly<Record<string, string>>): Record<string, string> {
  return {
    AWS_ENDPOINT_URL: `http://127.0.0.1:${LISTENER_PORTS["aws-endpoint"]}`,
    ...variables,
    AWS_LAMBDA_RUNTIME_API: `127.0.0.1:${LISTENER_PORTS["runtime-api"]}`,
    AWS_LAMBDA_METADATA_API: `127.0.0.1:${LISTENER_PORTS["runtime-api"]}`,
  };
}

/** With that by which it finds what it inherits when it starts. */
function startVariables(variables: Readonly<Record<string, string>>): Record<string, string> {
  return { ...programVariables(variables), ...TELEMETRY_VARIABLE };
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** The end of what has been written, as far as nobody else has read it. */
function complaint(sandbox: Sandbox): string {
  const text = String(sandbox.stdout.read() ?? "").trim();
  return text === "" ? "" : `: ${text.slice(-COMPLAINT_CHARACTERS)}`;
}
