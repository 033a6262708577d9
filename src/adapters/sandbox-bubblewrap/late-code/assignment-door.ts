import type { Server, Socket } from "node:net";
import { FRAMES_CONNECTION } from "../../../ports/sandbox.ts";

/** The one request that a waiting program sends. */
const REQUEST_LINE = "GET /lambent/assignment HTTP/1.1\r\n";
const REQUEST_END = "\r\n\r\n";
/** What it asks to go on with, and how it is told that it may. */
const UPGRADE_HEADER = "Upgrade: lambent-channel\r\n";
const REQUEST_BYTES_MAX = 1_024;
const LAST_BYTE = "\n";

/**
 * Stands at the listeners of a sandbox that has no function yet. The program connects to the Runtime API, asks for its
 * assignment and waits; that connection goes on to whoever serves the Runtime API afterwards. The program is Lambent's
 * own, but nothing here relies on it: anything else that comes is closed, and the sandbox is not to be used.
 */
export class AssignmentDoor {
  readonly #runtimeApi: Server;
  readonly #awsEndpoint: Server;
  readonly #asked = Promise.withResolvers<void>();
  readonly #broken: (reason: string) => void;
  readonly #refuse = (socket: Socket): void => this.#violated(socket, "it connected without an assignment");
  readonly #accept = (socket: Socket): void => this.#listen(socket);
  #socket: Socket | undefined;
  #text = "";

  /** `broken` is called when the program does anything but ask and wait. */
  constructor(runtimeApi: Server, awsEndpoint: Server, broken: (reason: string) => void) {
    this.#runtimeApi = runtimeApi;
    this.#awsEndpoint = awsEndpoint;
    this.#broken = broken;
    runtimeApi.on("connection", this.#accept);
    awsEndpoint.on("connection", this.#refuse);
  }

  /** Resolves when the program has asked. */
  asked(): Promise<void> {
    return this.#asked.promise;
  }

  /**
   * Answers but for the last byte, a line feed: the program may take its variables over, and has to wait with its code
   * for `open`. Throws when the program is gone.
   */
  tell(environmentVariables: Readonly<Record<string, string>>): void {
    const body = JSON.stringify({ environmentVariables });
    const length = Buffer.byteLength(body) + LAST_BYTE.length;
    const upgrade = this.#asksForFrames ? UPGRADE_HEADER : "";
    this.#waitingSocket().write(
      `HTTP/1.1 200 OK\r\n${upgrade}Content-Type: application/json\r\nContent-Length: ${length}\r\n\r\n${body}`,
    );
  }

  get #asksForFrames(): boolean {
    return this.#text.includes(`\r\n${UPGRADE_HEADER}`);
  }

  /**
   * Ends the answer, and hands the connection to the listeners that have been added to the Runtime API's server
   * meanwhile. Throws when the program is gone.
   */
  open(): void {
    const socket = this.#waitingSocket();
    this.#runtimeApi.off("connection", this.#accept);
    this.#awsEndpoint.off("connection", this.#refuse);
    socket.removeAllListeners();
    socket.write(LAST_BYTE);
    this.#runtimeApi.emit(this.#asksForFrames ? FRAMES_CONNECTION : "connection", socket);
    socket.resume();
  }

  #waitingSocket(): Socket {
    const socket = this.#socket;
    if (socket === undefined || socket.destroyed) throw new Error("the program does not wait any more");
    return socket;
  }

  #listen(socket: Socket): void {
    if (this.#socket !== undefined) {
      this.#violated(socket, "it connected twice");
      return;
    }
    this.#socket = socket;
    socket.setNoDelay(true);
    socket.on("data", (part: Buffer) => this.#receive(socket, part));
    socket.once("close", () => this.#broken("it ended its connection"));
    socket.on("error", () => undefined);
  }

  #receive(socket: Socket, part: Buffer): void {
    this.#text += part.toString("latin1");
    const end = this.#text.indexOf(REQUEST_END);
    if (end < 0 && this.#text.length <= REQUEST_BYTES_MAX) return;
    const isWhole = end === this.#text.length - REQUEST_END.length;
    if (isWhole && this.#text.startsWith(REQUEST_LINE)) this.#asked.resolve();
    else this.#violated(socket, "it asked for something other than its assignment");
  }

  #violated(socket: Socket, reason: string): void {
    socket.on("error", () => undefined);
    socket.destroy();
    this.#broken(reason);
  }
}
