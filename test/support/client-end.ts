import { once } from "node:events";
import { connect, type Socket } from "node:net";

export interface ReceivedAnswer {
  readonly status: number;
  /** As it came, with the status line. */
  readonly head: string;
  /** By names in small letters. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** A client's end of an HTTP connection, byte by byte. */
export class ClientEnd {
  readonly socket: Socket;
  #received = Buffer.alloc(0);

  constructor(port: number) {
    this.socket = connect({ port, host: "127.0.0.1", noDelay: true });
    this.socket.on("error", () => undefined);
    this.socket.on("data", (chunk: Buffer) => {
      this.#received = Buffer.concat([this.#received, chunk]);
    });
  }

  get receivedBytes(): number {
    return this.#received.length;
  }

  write(text: string): void {
    this.socket.write(text, "latin1");
  }

  /** The next answer, which has a length or no body. */
  async answer(): Promise<ReceivedAnswer> {
    const [head, status, lines] =
      /^HTTP\/1\.1 (\d+) [^\r]*\r\n(.*?)\r\n\r\n/s.exec(this.#received.toString("latin1")) ?? [];
    const headers = Object.fromEntries(
      (lines ?? "")
        .split("\r\n")
        .map((line) => [line.slice(0, line.indexOf(":")).toLowerCase(), line.slice(line.indexOf(":") + 2)]),
    );
    const to = (head?.length ?? 0) + Number(headers["content-length"] ?? 0);
    if (head === undefined || this.#received.length < to) {
      await once(this.socket, "data");
      return this.answer();
    }
    const body = this.#received.subarray(head.length, to).toString();
    this.#received = this.#received.subarray(to);
    return { status: Number(status), head, headers, body };
  }

  async ask(text: string): Promise<ReceivedAnswer> {
    this.write(text);
    return this.answer();
  }
}
