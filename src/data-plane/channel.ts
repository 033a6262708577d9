import type { Duplex } from "node:stream";

/** What one side asks of the other: the name of a call → its question and answer. */
export type Calls = Readonly<Record<string, { readonly question: unknown; readonly answer: unknown }>>;

/** Answers the calls of the other side. Each is called in the order in which the calls were made. */
export type Answers<C extends Calls> = {
  readonly [Name in keyof C]: (
    question: C[Name]["question"],
  ) => C[Name]["answer"] | Promise<C[Name]["answer"]>;
};

interface Frame {
  /** A call by its name, with a number where an answer is wanted. */
  readonly call?: string;
  readonly id?: number;
  readonly question?: unknown;
  /** The number of the call that is answered. */
  readonly to?: number;
  readonly answer?: unknown;
  readonly failure?: string;
}

/** The other process is gone, or its connection is. */
export class ChannelClosed extends Error {
  override name = "ChannelClosed";

  constructor() {
    super("The other process has ended.");
  }
}

/**
 * Calls in both directions over one connection, each a line of JSON. What one side sends arrives in its order, calls and
 * answers alike, so that whoever says "this has changed" after an answer is heard after it.
 */
export class Channel<Out extends Calls, In extends Calls> {
  /** Resolves when nothing comes or goes any more. */
  readonly closed: Promise<void>;
  readonly #stream: Duplex;
  readonly #answers: Answers<In>;
  readonly #waiting = new Map<
    number,
    { resolve: (answer: unknown) => void; reject: (error: Error) => void }
  >();
  #lastId = 0;
  #isClosed = false;
  #rest: Buffer[] = [];

  constructor(stream: Duplex, answers: Answers<In>) {
    this.#stream = stream;
    this.#answers = answers;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.closed = promise;
    stream.on("data", (chunk: Buffer) => this.#read(chunk));
    stream.on("error", () => stream.destroy());
    stream.once("end", () => stream.destroy());
    stream.once("close", () => {
      this.#isClosed = true;
      for (const { reject } of this.#waiting.values()) reject(new ChannelClosed());
      this.#waiting.clear();
      resolve();
    });
  }

  /** Rejects with `ChannelClosed`, or with what the other side's answer failed with. */
  ask<Name extends string & keyof Out>(
    name: Name,
    question: Out[Name]["question"],
  ): Promise<Out[Name]["answer"]> {
    if (this.#isClosed) return Promise.reject(new ChannelClosed());
    this.#lastId++;
    const id = this.#lastId;
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject });
      this.#send({ call: name, id, question });
    });
  }

  /** The same where nobody waits for an answer; nothing happens when the other side is gone. */
  tell<Name extends string & keyof Out>(name: Name, question: Out[Name]["question"]): void {
    if (!this.#isClosed) this.#send({ call: name, question });
  }

  /** Bytes that the other side has not taken yet. */
  get backlogBytes(): number {
    return this.#stream.writableLength;
  }

  close(): void {
    this.#stream.destroy();
  }

  #send(frame: Frame): void {
    this.#stream.write(`${JSON.stringify(frame)}\n`);
  }

  #read(chunk: Buffer): void {
    let start = 0;
    for (let end = chunk.indexOf(10); end >= 0; end = chunk.indexOf(10, start)) {
      this.#rest.push(chunk.subarray(start, end));
      start = end + 1;
      const line = this.#rest.length === 1 ? this.#rest[0] : Buffer.concat(this.#rest);
      this.#rest = [];
      this.#take(JSON.parse(String(line)) as Frame);
    }
    if (start < chunk.length) this.#rest.push(chunk.subarray(start));
  }

  #take({ call, id, question, to, answer, failure }: Frame): void {
    if (call !== undefined) {
      this.#answer(call, id, question);
      return;
    }
    const asking = this.#waiting.get(to ?? 0);
    this.#waiting.delete(to ?? 0);
    if (failure === undefined) asking?.resolve(answer);
    else asking?.reject(new Error(failure));
  }

  #answer(name: string, id: number | undefined, question: unknown): void {
    const send = (frame: Omit<Frame, "to">): void => {
      if (id !== undefined && !this.#isClosed) this.#send({ ...frame, to: id });
    };
    const failed = (error: unknown): void =>
      send({ failure: error instanceof Error ? error.message : String(error) });
    try {
      const answer: unknown = this.#answers[name]?.(question);
      if (answer instanceof Promise) answer.then((value: unknown) => send({ answer: value }), failed);
      else send({ answer });
    } catch (error) {
      failed(error);
    }
  }
}
