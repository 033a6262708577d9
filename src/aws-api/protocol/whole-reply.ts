import type { Socket } from "node:net";
import { Reply } from "./reply.ts";

/** Where a request came from that is answered in one piece. */
export interface WholeAnswer {
  /** The client may still get an answer. */
  readonly isOpen: boolean;
  readonly socket: Pick<Socket, "destroy" | "once">;
  /** Throws, before anything is sent, for a header that cannot be one. */
  answer(answer: {
    readonly status: number;
    readonly headers: Readonly<Record<string, string>>;
    readonly body: string | Uint8Array | undefined;
  }): void;
}

const CLIENT_GONE = 499;
const NO_PIECES = "This request is answered in one piece.";

/** A response in one piece. */
export class WholeReply extends Reply {
  readonly #answer: WholeAnswer;
  #status: number | undefined;

  constructor(answer: WholeAnswer, requestId: string) {
    super(requestId);
    this.#answer = answer;
  }

  get status(): number {
    return this.#status ?? CLIENT_GONE;
  }

  get isStarted(): boolean {
    return this.#status !== undefined || !this.#answer.isOpen;
  }

  protected onceAbandonedByClient(callback: () => void): void {
    const unlessFinished = (): void => {
      if (this.#status === undefined) callback();
    };
    if (this.isStarted) unlessFinished();
    else this.#answer.socket.once("close", unlessFinished);
  }

  protected sendWhole(status: number, body: string | Uint8Array | undefined): void {
    this.#answer.answer({ status, headers: this.headers, body });
    this.#status = status;
  }

  sendStream(): Promise<void> {
    return Promise.reject(new Error(NO_PIECES));
  }

  start(): void {
    throw new Error(NO_PIECES);
  }

  write(): Promise<void> {
    return Promise.reject(new Error(NO_PIECES));
  }

  finish(): void {
    throw new Error(NO_PIECES);
  }

  abandon(): void {
    if (this.#status === undefined) this.#answer.socket.destroy();
  }
}
