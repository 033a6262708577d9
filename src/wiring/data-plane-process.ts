import { createServer, type Server } from "node:http";
import { join } from "node:path";
import { systemClock as clock } from "../adapters/clock-system/clock-system.ts";
import { createPinoLogger } from "../adapters/logger-pino/logger-pino.ts";
import type { Configuration } from "../config.ts";
import type { Owner } from "../core/function-reference.ts";
import { connectAnnounced } from "../data-plane/announced-connection.ts";
import type { CallsOfMain, CallsOfProcess, Lease, LeaseAnswer } from "../data-plane/calls.ts";
import { Channel } from "../data-plane/channel.ts";
import { Forwarding } from "../data-plane/forwarding.ts";
import { InvocationDoor } from "../data-plane/invocation-door.ts";
import { Leases } from "../data-plane/leases.ts";
import { Outbox } from "../data-plane/outbox.ts";
import { UnitPurse } from "../data-plane/unit-purse.ts";
import { closeServer, configureServer, listenTogether } from "../http-listener.ts";
import type { ArrivedInvocation } from "../plain-invocations/plain-connection.ts";
import type { PlainConnections } from "../plain-invocations/plain-connections.ts";
import { Opened } from "./ground.ts";
import { processToMachineMs } from "./machine-time.ts";
import { type OwnEnvironments, openOwnEnvironments } from "./own-environments.ts";
import { invocationAnswers } from "./own-invocations.ts";
import { openPlainInvocations } from "./plain-invocations.ts";

/** Whatever hangs: without the main process nothing is of use. */
const END_WITHIN_MS = 10_000;

/** Serves the public port with the main process behind it, until that says so or ends. */
export function runDataPlaneProcess(number: number, socketPath: string): void {
  new DataPlaneProcess(number, socketPath);
}

class DataPlaneProcess {
  readonly #number: number;
  readonly #channel: Channel<CallsOfProcess, CallsOfMain>;
  readonly #leases: Leases;
  readonly #purses = new Map<string, UnitPurse>();
  readonly #outbox: Outbox;
  readonly #forwarding: Forwarding;
  readonly #opened = new Opened();
  #own: OwnEnvironments | undefined;
  #door: InvocationDoor<ArrivedInvocation> | undefined;
  #server: Server | undefined;
  #plain: PlainConnections | undefined;
  #configuring: Promise<void> | undefined;
  #ending: Promise<void> | undefined;

  constructor(number: number, socketPath: string) {
    this.#number = number;
    this.#forwarding = new Forwarding(socketPath);
    this.#leases = new Leases(clock, (question) => this.#withRuntime(this.#channel.ask("lease", question)));
    this.#channel = new Channel<CallsOfProcess, CallsOfMain>(
      connectAnnounced(socketPath, { kind: "channel", process: number }),
      {
        configure: ({ configuration }) => {
          this.#configuring = this.#configure(JSON.parse(configuration) as Configuration);
          return this.#configuring;
        },
        listen: (address) => this.#listen(address),
        revoke: ({ epoch, retired }) => {
          this.#leases.revoke(epoch);
          for (const deploymentId of retired) this.#own?.retire(deploymentId);
          // Before the answer: what was begun with the old leases is known when the change is done.
          this.#outbox.flush();
        },
        recall: (owner) => this.#purse(owner).empty(),
        renewRuntimes: (version) => this.#own?.dispatcher.renewRuntimes(version),
        use: ({ runtime, memoryMb }) => this.#own?.reserve.use(runtime, memoryMb),
        flush: () => {
          this.#outbox.flush();
          const { user, system } = process.cpuUsage();
          return { residentBytes: process.memoryUsage.rss(), cpuSeconds: (user + system) / 1e6 };
        },
        drain: ({ withinMs }) => this.#drain(withinMs),
        end: () => void this.#end(),
      },
    );
    this.#outbox = new Outbox({
      clock,
      send: (records) => this.#channel.tell("records", records),
      backlogBytes: () => this.#channel.backlogBytes,
      environmentCounts: () => this.#own?.dispatcher.environmentCounts() ?? new Map(),
      machineMs: processToMachineMs,
    });
    void this.#channel.closed.then(() => this.#end());
  }

  async #configure(configuration: Configuration): Promise<void> {
    const logger = createPinoLogger({ level: configuration.logLevel, readable: process.stderr.isTTY });
    const own = await openOwnEnvironments({
      configuration,
      logger,
      opened: this.#opened,
      number: this.#number,
      directory: join(configuration.dataDirectory, "data-plane", String(this.#number)),
      channel: this.#channel,
      outbox: this.#outbox,
      forwarding: this.#forwarding,
    });
    this.#own = own;
    const invoke = invocationAnswers({
      logger,
      dispatcher: own.dispatcher,
      outbox: this.#outbox,
      purseOf: (lease) => this.#purse(lease),
    });
    this.#door = new InvocationDoor({
      leases: this.#leases,
      purseOf: (lease) => this.#purse(lease),
      forward: (message, response, body) => this.#forwarding.forward(message, response, body),
      invoke,
    });
  }

  async #listen(address: { readonly host: string; readonly port: number }): Promise<void> {
    const door = this.#door;
    if (door === undefined) throw new Error("A process is configured before it listens.");
    const server = createServer((request, response) => door.handle(request, response));
    configureServer(server);
    this.#server = server;
    this.#plain = openPlainInvocations(server, clock, (arrived) => door.handleHeld(arrived));
    await listenTogether(server, address);
  }

  /** A runtime that was installed a moment ago is looked for; without it the main process says what is missing. */
  async #withRuntime(asked: Promise<LeaseAnswer>): Promise<LeaseAnswer> {
    const answer = await asked;
    if ("forward" in answer) return answer;
    return (await this.#own?.hasRuntime(answer.version)) ? answer : { epoch: answer.epoch, forward: true };
  }

  #purse({ account, region }: Owner | Lease): UnitPurse {
    const key = `${account}/${region}`;
    let purse = this.#purses.get(key);
    if (purse === undefined) {
      purse = new UnitPurse({ account, region }, (owner, wanted) =>
        this.#channel.ask("borrow", { ...owner, ...wanted }),
      );
      this.#purses.set(key, purse);
    }
    return purse;
  }

  async #drain(withinMs: number): Promise<void> {
    this.#door?.close();
    await this.#own?.dispatcher.close(withinMs);
    this.#outbox.flush();
  }

  #end(): Promise<void> {
    this.#ending ??= this.#close();
    return this.#ending;
  }

  async #close(): Promise<void> {
    setTimeout(() => process.exit(1), END_WITHIN_MS).unref();
    try {
      this.#plain?.close();
      if (this.#server !== undefined) await closeServer(this.#server);
      // What is being made can be removed when it is there.
      await this.#configuring?.catch(() => undefined);
      await this.#opened.close();
    } finally {
      process.exit(0);
    }
  }
}
