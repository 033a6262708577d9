import { mkdir, readdir, rm } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import { createServer as createNetServer, type Server as NetServer, type Socket } from "node:net";
import { join } from "node:path";
import { systemClock as clock } from "../adapters/clock-system/clock-system.ts";
import type {
  DataPlaneMetrics,
  PrometheusMetrics,
} from "../adapters/metrics-prometheus/metrics-prometheus.ts";
import type { Configuration } from "../config.ts";
import { OperatorError } from "../core/operator-error.ts";
import { type Announcement, acceptAnnounced } from "../data-plane/announced-connection.ts";
import type { CallsOfProcess } from "../data-plane/calls.ts";
import type { Answers } from "../data-plane/channel.ts";
import { guardedKeyValues } from "../data-plane/guarded-key-values.ts";
import { Replay } from "../data-plane/replay.ts";
import { Revocations } from "../data-plane/revocations.ts";
import { UnitLedger } from "../data-plane/unit-ledger.ts";
import type { InvocationDispatcher } from "../invocation/invocation-dispatcher.ts";
import type { DataPlaneProcess } from "../operator-api/operator-api.ts";
import type { Store } from "../ports/store.ts";
import { DataPlaneMember } from "./data-plane-member.ts";
import { DistantConnections } from "./environment-connections.ts";
import { type DataPlaneGround, type Ground, logFailure } from "./ground.ts";
import { LeaseDesk } from "./lease-desk.ts";
import type { Machine } from "./machine.ts";
import { machineToProcessMs } from "./machine-time.ts";
import type { Platform } from "./platform.ts";
import { PortCover } from "./port-cover.ts";

/** Linux: of a Unix socket's path, with its terminator. */
const SOCKET_PATH_BYTES_MAX = 108;
/** Between the ends of a process that cannot begin. */
const RESTART_AFTER_MS = 1_000;

/** What of the machine's room one process has: all have the same, and the main one what is left over. */
function shareOf(configuration: Configuration, who: "main" | "process"): Configuration {
  const { dataPlaneProcesses: others, maxEnvironments, reserveMax } = configuration;
  const share = (total: number): number => {
    const each = Math.floor(total / (others + 1));
    return who === "process" ? each : total - others * each;
  };
  return { ...configuration, maxEnvironments: share(maxEnvironments), reserveMax: share(reserveMax) };
}

/** The store and the configuration as the main process has them: guarded and shared where there are others beside it. */
export function withDataPlane(
  configuration: Configuration,
  store: Store,
): Pick<Ground, "configuration" | "store" | "dataPlane"> {
  if (configuration.dataPlaneProcesses === 0) return { configuration, store };
  const revocations = new Revocations(clock);
  return {
    configuration: shareOf(configuration, "main"),
    store: {
      keyValue: guardedKeyValues(store.keyValue, () => revocations.revoke()),
      leases: store.leases,
      queue: store.queue,
      blobs: store.blobs,
      logs: store.logs,
      healthy: () => store.healthy(),
      close: () => store.close(),
    },
    dataPlane: { revocations, whole: configuration, ledger: undefined },
  };
}

export interface DataPlaneParts {
  readonly machine: Machine;
  readonly platform: Platform;
  readonly metrics: PrometheusMetrics;
  readonly dispatcher: InvocationDispatcher;
  /** Of the public port, and of what functions call; neither listens by itself. */
  readonly server: Server;
  readonly functionsServer: Server;
}

/** Undefined where this process does everything. */
export function openDataPlane(ground: Ground, parts: DataPlaneParts): DataPlane | undefined {
  if (ground.dataPlane === undefined) return undefined;
  const dataPlane = new DataPlane(ground, ground.dataPlane, parts);
  ground.opened.add(() => dataPlane.close());
  return dataPlane;
}

/** Makes the processes beside this one, and is what they lean on. */
export class DataPlane {
  readonly #ground: Ground;
  readonly #links: DataPlaneGround;
  readonly #parts: DataPlaneParts;
  readonly #directory: string;
  readonly #desk: LeaseDesk;
  readonly #ledger: UnitLedger;
  readonly #metrics: DataPlaneMetrics;
  readonly #members = new Map<number, DataPlaneMember>();
  readonly #replays = new Map<DataPlaneMember, Replay>();
  readonly #connections = new Set<Socket>();
  readonly #environments = new DistantConnections(clock);
  readonly #inside: NetServer;
  /** Of functions that exist: "runtime/memory". */
  readonly #inUse = new Set<string>();
  readonly #cover: PortCover;
  #address: { readonly host: string; readonly port: number } | undefined;
  #isClosing = false;

  constructor(ground: Ground, links: DataPlaneGround, parts: DataPlaneParts) {
    this.#ground = ground;
    this.#links = links;
    this.#parts = parts;
    const { dispatcher, platform } = parts;
    this.#directory = join(ground.configuration.dataDirectory, "data-plane");
    this.#desk = new LeaseDesk(platform, links.revocations);
    this.#ledger = new UnitLedger(dispatcher);
    links.ledger = this.#ledger;
    this.#metrics = parts.metrics.dataPlane();
    this.#cover = new PortCover(parts.server);
    this.#inside = createNetServer((socket) => this.#accept(socket));
    platform.functions.onDeploymentRetired(({ deploymentId }) => links.revocations.retire(deploymentId));
    platform.functions.runtimeManagement.onChanged((version) => this.#tellAll("renewRuntimes", version));
    platform.functions.onDeployed(({ settings: { runtime, memoryMb } }) => {
      this.#inUse.add(`${runtime}/${memoryMb}`);
      this.#tellAll("use", { runtime, memoryMb });
    });
  }

  /** Resolves with the origin when every process serves it. */
  async listen(exclusively: (server: Server) => Promise<string>): Promise<string> {
    // Whoever shares a port is not told that another program uses it: so it is asked for alone before.
    const probe = createServer();
    const origin = await exclusively(probe);
    await new Promise((resolve) => probe.close(resolve));
    const { host } = this.#ground.configuration;
    this.#address = { host, port: Number(new URL(origin).port) };
    await this.#listenInside();
    await this.#cover.cover(this.#address);
    const numbers = Array.from({ length: this.#ground.configuration.dataPlaneProcesses }, (_, at) => at + 1);
    await Promise.all(numbers.map((number) => this.#start(number)));
    return origin;
  }

  processes(): DataPlaneProcess[] {
    return [...this.#members.values()]
      .toSorted((a, b) => a.number - b.number)
      .map(({ number, processId, isServing }) => ({ process: number, processId, serving: isServing }));
  }

  /** Has every process tell what has happened there. */
  async #gather(): Promise<void> {
    await Promise.all(
      [...this.#members.values()].map(async (member) => {
        const use = await member.flush()?.catch(() => undefined);
        if (use !== undefined) this.#metrics.uses(member.number, use);
      }),
    );
  }

  /** The same platform, whose logs and metrics are complete when they are read. */
  told(platform: Platform): Platform {
    const { logs, cloudWatch } = platform;
    const { sink } = logs;
    const flush = async (): Promise<void> => {
      await this.#gather();
      await sink.flush();
    };
    const collect = async (): Promise<void> => {
      await this.#gather();
      await cloudWatch.collect();
    };
    return {
      ...platform,
      logs: { ...logs, sink: { ...sink, flush } },
      cloudWatch: { ...cloudWatch, collect },
    };
  }

  /** Adds the environments of every process. */
  async addTo(counts: Map<string, number>): Promise<void> {
    await this.#gather();
    for (const { environments } of this.#replays.values())
      for (const [runtime, count] of Object.entries(environments))
        counts.set(runtime, (counts.get(runtime) ?? 0) + count);
  }

  /** Running invocations may finish; new ones are this process's business. */
  async drain(withinMs: number): Promise<void> {
    this.#isClosing = true;
    await Promise.all([...this.#members.values()].map((member) => member.drain(withinMs)));
  }

  async close(): Promise<void> {
    this.#isClosing = true;
    this.#cover.uncover();
    await Promise.all([...this.#members.values()].map((member) => member.close()));
    this.#cover.close();
    for (const connection of this.#connections) connection.destroy();
    await new Promise((resolve) => this.#inside.close(resolve));
  }

  get #socketPath(): string {
    return join(this.#directory, "main.sock");
  }

  async #listenInside(): Promise<void> {
    const path = this.#socketPath;
    if (Buffer.byteLength(path) >= SOCKET_PATH_BYTES_MAX)
      throw new OperatorError(
        `data-plane processes meet at ${path}, which is longer than a socket's path can be`,
        "Choose a data directory with a shorter path.",
      );
    await mkdir(this.#directory, { recursive: true, mode: 0o700 });
    for (const name of await readdir(this.#directory)) {
      // Of an earlier run that had more processes.
      if (Number(name) > this.#ground.configuration.dataPlaneProcesses || name === "main.sock")
        await rm(join(this.#directory, name), { recursive: true, force: true });
    }
    await new Promise<void>((resolve, reject) => {
      this.#inside.once("error", reject);
      const before = process.umask(0o177);
      this.#inside.listen({ path, backlog: 4096 }, resolve);
      process.umask(before);
    });
  }

  #accept(socket: Socket): void {
    this.#connections.add(socket);
    socket.once("close", () => this.#connections.delete(socket));
    acceptAnnounced(socket, (announcement) => this.#announced(socket, announcement));
  }

  #announced(socket: Socket, announcement: Announcement): void {
    const { server, functionsServer, platform } = this.#parts;
    if (announcement.kind === "client") {
      // It is the client's connection, as far as anybody asks.
      const { remoteAddress, remotePort } = announcement;
      Object.defineProperty(socket, "remoteAddress", { value: remoteAddress });
      Object.defineProperty(socket, "remotePort", { value: remotePort });
      server.emit("connection", socket);
    } else if (announcement.kind === "function") {
      platform.callers.comesFromFunction(socket, announcement.identity);
      this.#environments.connected(socket, announcement.identity.environment);
      functionsServer.emit("connection", socket);
    } else {
      const member = this.#members.get(announcement.process);
      if (member === undefined) socket.destroy();
      else this.#connected(member, socket);
    }
  }

  #connected(member: DataPlaneMember, socket: Socket): void {
    const { revocations } = this.#links;
    member.connect(socket, this.#answers(member));
    // Before anything else: it knows which leases are good from its first one on.
    void member.revoke(revocations.epoch, []).catch(() => undefined);
    revocations.join(member);
  }

  #answers(member: DataPlaneMember): Answers<CallsOfProcess> {
    const { codeStore, packs } = this.#parts.machine;
    const { callers } = this.#parts.platform;
    const replay = this.#replayOf(member);
    return {
      lease: (question) => this.#desk.answer(question),
      borrow: ({ account, region, ...wanted }) => this.#ledger.borrow(member, { account, region }, wanted),
      credentials: (identity) => callers.issueForFunction(identity),
      codeDirectory: ({ codeHash }) => codeStore.directory(codeHash),
      layersDirectory: ({ codeHashes }) => codeStore.layers(codeHashes),
      claimPack: (claim) => packs.claim(member, claim),
      adoptPack: (pack) => packs.adopt(member, pack),
      dropPack: ({ name }) => packs.drop(name),
      records: (records) => replay.take(records),
    };
  }

  #replayOf(member: DataPlaneMember): Replay {
    const { platform, metrics, dispatcher } = this.#parts;
    const replay = new Replay({
      logs: platform.logs.sink,
      functionMetrics: platform.cloudWatch.invocations,
      metrics,
      answered: () => this.#metrics.answered(member.number),
      elsewhere: (name) => dispatcher.elsewhere(name),
      monotonicMs: machineToProcessMs,
    });
    this.#replays.set(member, replay);
    return replay;
  }

  /** Resolves when the process serves. */
  async #start(number: number): Promise<void> {
    const { configuration, logger } = this.#ground;
    const member = await DataPlaneMember.start(number, {
      socketPath: this.#socketPath,
      directory: join(this.#directory, String(number)),
      isolation: configuration.isolation,
    });
    this.#members.set(number, member);
    void member.exited.then(() => this.#ended(member));
    try {
      await this.#bringUp(member);
    } catch (error) {
      await member.end();
      throw error;
    }
    logger.debug("a data-plane process serves", { process: number, processId: member.processId });
  }

  async #bringUp(member: DataPlaneMember): Promise<void> {
    await member.configure({
      ...shareOf(this.#links.whole, "process"),
      rootAccessKeyId: "",
      rootSecretAccessKey: "",
      s3AccessKeyId: "",
      s3SecretAccessKey: "",
    });
    for (const used of this.#inUse) {
      const [runtime = "", memoryMb] = used.split("/");
      member.tell("use", { runtime, memoryMb: Number(memoryMb) });
    }
    if (this.#address === undefined || this.#isClosing) return;
    await member.listen(this.#address);
    this.#cover.uncover();
    member.watch(() =>
      this.#ground.logger.error("a data-plane process does not answer, and is ended", {
        process: member.number,
      }),
    );
  }

  #ended(member: DataPlaneMember): void {
    this.#links.revocations.leave(member);
    this.#ledger.ended(member);
    this.#parts.machine.packs.ended(member);
    this.#replays.get(member)?.ended();
    this.#replays.delete(member);
    if (this.#isClosing) return;
    const { logger } = this.#ground;
    logger.error("a data-plane process has ended, and is started again", { process: member.number });
    const again = (): void => {
      if (this.#isClosing) return;
      this.#start(member.number).catch((error: unknown) => {
        if (this.#isClosing) return;
        const context = { process: member.number };
        logFailure(logger, "a data-plane process could not be started", { error, context });
      });
    };
    if (member.hasServed) again();
    else clock.after(RESTART_AFTER_MS, again);
    if (this.#address !== undefined && ![...this.#members.values()].some(({ isServing }) => isServing))
      this.#cover
        .cover(this.#address)
        .catch((error: unknown) =>
          logFailure(logger, "the port could not be served", { error, context: {} }),
        );
  }

  #tellAll: DataPlaneMember["tell"] = (name, question) => {
    for (const member of this.#members.values()) member.tell(name, question);
  };
}
