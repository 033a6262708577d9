import type { ChildProcess } from "node:child_process";
import { createServer, type Server } from "node:net";
import { type ChannelEnd, HANDLE_ACKNOWLEDGEMENT, takePendingHandle } from "./helper/channel-end.ts";

/** The listeners that every sandbox hands over, and the port each must stand on. */
export const LISTENER_PORTS = { "runtime-api": 9001, "aws-endpoint": 4566 } as const;
type ListenerName = keyof typeof LISTENER_PORTS;

/** By which a program learns that it has to open the listeners, and where it gives them away. */
export function listenerVariables(): Record<string, string> {
  const listen = Object.entries(LISTENER_PORTS).map(([name, port]) => `${name}=${port}`);
  return {
    LAMBENT_LISTEN: listen.join(","),
  };
}

/** Two messages of less than a hundred bytes are expected. */
const CHANNEL_BYTES_MAX = 1_024;
const LOOPBACK = "127.0.0.1";

/** Node's own wrapper of a received TCP socket; getsockname and getpeername return 0 or an error number. */
interface TcpHandle {
  getsockname(into: { address?: string; port?: number }): number;
  getpeername(into: object): number;
  close(): void;
}

interface IpcPipe {
  readonly fd: number;
  pendingHandle: unknown;
  onread: (data: ArrayBuffer | undefined) => void;
}

interface ListenerMessage {
  readonly cmd: "NODE_HANDLE";
  readonly type: "net.Server";
  readonly msg: { readonly listener: ListenerName };
}

/**
 * The raw pipe behind a child's IPC channel. Node shows it nowhere else, and everything that Node itself does with
 * what arrives there trusts the sender: a line that is not JSON, an unknown handle type or an acknowledgement that
 * nobody asked for throws out of its reader and would end this process. Call in the turn in which the child was
 * spawned, before anything can have arrived.
 */
export function channelOf(child: ChildProcess): ChannelEnd {
  const fd = (child.channel as { fd?: number } | null | undefined)?.fd;
  const inside = process as unknown as { _getActiveHandles(): Partial<IpcPipe>[] };
  const found = inside._getActiveHandles().find((handle) => handle.fd === fd && "onread" in handle);
  if (fd === undefined || found === undefined) throw new Error("this Node does not show its IPC pipes");
  const pipe = found as IpcPipe;
  const end: ChannelEnd = {
    onData: () => undefined,
    takeHandle: () => takePendingHandle(pipe),
    acknowledge: () => void child.send(HANDLE_ACKNOWLEDGEMENT),
    disconnect: () => {
      if (child.connected) child.disconnect();
    },
  };
  pipe.onread = (data) => end.onData(data);
  return end;
}

function parseLine(line: string): ListenerMessage | undefined {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    return undefined;
  }
  const message = value as Partial<ListenerMessage> | null;
  if (message?.cmd !== "NODE_HANDLE" || message.type !== "net.Server") return undefined;
  const listener = message.msg?.listener;
  return listener !== undefined && Object.hasOwn(LISTENER_PORTS, listener)
    ? (message as ListenerMessage)
    : undefined;
}

function isTcpHandle(handle: unknown): handle is TcpHandle {
  return typeof handle === "object" && handle !== null && handle.constructor.name === "TCP";
}

/** Bound to exactly that port of the loopback interface, and not connected to anything. */
function standsOn(handle: TcpHandle, port: number): boolean {
  const bound: { address?: string; port?: number } = {};
  const failed = handle.getsockname(bound) !== 0;
  return !failed && bound.address === LOOPBACK && bound.port === port && handle.getpeername({}) !== 0;
}

/**
 * Receives the two listening sockets in a sandbox's network namespace, from the helper or from the program in the
 * sandbox itself. A function's environment variables (NODE_OPTIONS, LD_PRELOAD …) may run its code before the hand-over, so the other side is
 * not trusted: anything but the two expected messages, each with its socket, is an error, and the sandbox is to be
 * destroyed.
 */
export class HandOverChannel {
  readonly #end: ChannelEnd;
  readonly #acknowledges: boolean;
  readonly #listeners = new Map<ListenerName, Server>();
  readonly #complete = Promise.withResolvers<void>();
  #hasFailed = false;
  #text = "";
  #receivedBytes = 0;
  #pending: unknown[] = [];

  /**
   * Call in the same turn in which the channel's end was made, before anything can have arrived. Nothing is acknowledged
   * where the other side is not Node.
   */
  constructor(end: ChannelEnd, { acknowledges = true } = {}) {
    this.#end = end;
    this.#acknowledges = acknowledges;
    this.#complete.promise.catch(() => {});
    end.onData = (data) => this.#receive(data);
  }

  /** Resolves when both listeners are held; rejects when the other side breaks the rules or goes away. */
  received(): Promise<void> {
    return this.#complete.promise;
  }

  listener(name: ListenerName): Server {
    const server = this.#listeners.get(name);
    if (server === undefined) throw new Error(`no listener ${name} was handed over`);
    return server;
  }

  /** Ends the channel, which lets the program go on. */
  disconnect(): void {
    this.#end.disconnect();
  }

  /** Ends the channel and closes every listener. */
  close(): void {
    this.#fail("closed");
    for (const server of this.#listeners.values()) server.close();
  }

  #receive(data: ArrayBuffer | undefined): void {
    if (this.#hasFailed) return;
    if (data === undefined) {
      this.#fail("the program ended its channel before the hand-over");
      return;
    }
    const handle = this.#end.takeHandle();
    if (handle) this.#pending.push(handle);
    this.#receivedBytes += data.byteLength;
    if (this.#receivedBytes > CHANNEL_BYTES_MAX) {
      this.#fail("too much was sent during the hand-over");
      return;
    }
    this.#text += Buffer.from(data).toString("latin1");
    const lines = this.#text.split("\n");
    this.#text = lines.pop() ?? "";
    for (const line of lines) this.#accept(line);
  }

  #accept(line: string): void {
    const message = parseLine(line);
    const handle = this.#pending.shift();
    const name = message?.msg.listener;
    const right =
      name !== undefined &&
      !this.#listeners.has(name) &&
      isTcpHandle(handle) &&
      standsOn(handle, LISTENER_PORTS[name]);
    if (!right) {
      if (isTcpHandle(handle)) handle.close();
      this.#fail("something other than the expected listeners was handed over");
      return;
    }
    this.#listen(name, handle);
    // Node sends the next handle only when the last one is acknowledged.
    if (this.#acknowledges) this.#end.acknowledge();
  }

  #listen(name: ListenerName, handle: TcpHandle): void {
    const server = createServer();
    server.on("error", () => this.#fail(`${name} cannot be listened on`));
    this.#listeners.set(name, server);
    server.listen(handle, () => {
      if (this.#isComplete()) this.#complete.resolve();
    });
  }

  #isComplete(): boolean {
    return (
      this.#listeners.size === Object.keys(LISTENER_PORTS).length &&
      [...this.#listeners.values()].every((server) => server.listening)
    );
  }

  #fail(reason: string): void {
    this.#complete.reject(new Error(reason));
    if (this.#hasFailed) return;
    this.#hasFailed = true;
    for (const handle of this.#pending) if (isTcpHandle(handle)) handle.close();
    this.#pending = [];
    this.disconnect();
  }
}
