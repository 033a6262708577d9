import { createSocket, type Socket as DatagramSocket, type RemoteInfo } from "node:dgram";
import { once } from "node:events";
import { type AddressInfo, connect, createServer, isIPv6, type Server, type Socket } from "node:net";

const DNS_PORT = 53;
/** glibc asks again after five seconds. */
const ANSWER_TIMEOUT_MS = 5_000;
/** Questions and connections of one sandbox at a time: none can use up the host's descriptors. */
const PER_SANDBOX_MAX = 64;

/**
 * Passes questions for names on to resolvers that only the host can reach, over UDP and TCP alike and without looking
 * into them, so that EDNS and whatever comes after it work.
 */
export class NameForwarder {
  readonly #resolvers: readonly string[];
  readonly #datagrams: DatagramSocket;
  readonly #server: Server;
  readonly #questions = new Set<DatagramSocket>();
  readonly #connections = new Set<Socket>();
  readonly #open = new Map<string, number>();

  private constructor(resolvers: readonly string[], datagrams: DatagramSocket) {
    this.#resolvers = resolvers;
    this.#datagrams = datagrams;
    datagrams.on("message", (question, sender) => this.#ask(question, sender));
    datagrams.on("error", () => {});
    this.#server = createServer({ allowHalfOpen: true }, (connection) => this.#connect(connection));
  }

  /** Listens on a free port of an address of the host, the same for UDP and TCP. */
  static async open(address: string, resolvers: readonly string[]): Promise<NameForwarder> {
    const datagrams = createSocket("udp4");
    datagrams.bind(0, address);
    await once(datagrams, "listening");
    const forwarder = new NameForwarder(resolvers, datagrams);
    try {
      forwarder.#server.listen(forwarder.port, address);
      await once(forwarder.#server, "listening");
    } catch (error) {
      datagrams.close();
      throw error;
    }
    return forwarder;
  }

  get port(): number {
    return (this.#datagrams.address() as AddressInfo).port;
  }

  close(): void {
    this.#datagrams.close();
    this.#server.close();
    for (const question of this.#questions) question.close();
    this.#questions.clear();
    for (const connection of this.#connections) connection.destroy();
  }

  /** Asks every resolver; the first answer counts. */
  #ask(question: Buffer, sender: RemoteInfo): void {
    for (const resolver of this.#resolvers) {
      if (!this.#enter(sender.address)) return;
      const socket = createSocket(isIPv6(resolver.replace(/%.*/, "")) ? "udp6" : "udp4");
      this.#questions.add(socket);
      const end = (): void => {
        clearTimeout(timer);
        if (!this.#questions.delete(socket)) return;
        this.#leave(sender.address);
        socket.close();
      };
      const timer = setTimeout(end, ANSWER_TIMEOUT_MS);
      socket.on("error", end);
      // Connected: answers of others do not arrive.
      socket.connect(DNS_PORT, resolver, () => socket.send(question));
      socket.once("message", (answer) => {
        this.#datagrams.send(answer, sender.port, sender.address, () => {});
        end();
      });
    }
  }

  #connect(connection: Socket): void {
    const sender = connection.remoteAddress ?? "";
    const [resolver] = this.#resolvers;
    if (resolver === undefined || !this.#enter(sender)) {
      connection.destroy();
      return;
    }
    const upstream = connect({ host: resolver, port: DNS_PORT, allowHalfOpen: true });
    for (const [one, other] of [
      [connection, upstream],
      [upstream, connection],
    ] as const) {
      this.#connections.add(one);
      one.setTimeout(ANSWER_TIMEOUT_MS, () => one.destroy());
      one.on("error", () => {});
      one.once("close", () => {
        this.#connections.delete(one);
        other.destroy();
      });
      one.pipe(other);
    }
    connection.once("close", () => this.#leave(sender));
  }

  #enter(sender: string): boolean {
    const open = this.#open.get(sender) ?? 0;
    if (open >= PER_SANDBOX_MAX) return false;
    this.#open.set(sender, open + 1);
    return true;
  }

  #leave(sender: string): void {
    const open = (this.#open.get(sender) ?? 1) - 1;
    if (open > 0) this.#open.set(sender, open);
    else this.#open.delete(sender);
  }
}
