import type { IncomingMessage, ServerResponse } from "node:http";
import type { Lease, LeaseQuestion } from "./calls.ts";
import { leaseQuestion } from "./lease-question.ts";
import type { Leases } from "./leases.ts";
import type { Refusal, UnitPurse } from "./unit-purse.ts";

/** An invocation that this process makes itself. */
export interface LeasedInvocation {
  readonly lease: Lease;
  /** Why it is not admitted; undefined when it is. */
  readonly refusal: Refusal | undefined;
}

/** A request that an HTTP server has read to its last byte. */
export interface ReadRequest {
  readonly message: IncomingMessage;
  readonly response: ServerResponse;
  readonly body: Uint8Array;
}

/** One that is whole, and that no HTTP server has had so far. */
export interface HeldRequest {
  readonly head: Parameters<typeof leaseQuestion>[0];
  readonly socket: { destroy(): void };
  /** Gives it to the HTTP server. */
  handBack(): void;
}

export interface InvocationDoorDependencies<Held extends HeldRequest> {
  readonly leases: Leases;
  readonly purseOf: (lease: Lease) => UnitPurse;
  readonly forward: (message: IncomingMessage, response: ServerResponse, body?: Uint8Array) => void;
  /**
   * Answers an invocation; its unit is given back when it is over. Decides at once, and answers whether the unit is used.
   */
  readonly invoke: (invocation: LeasedInvocation, request: ReadRequest | Held) => boolean;
}

/** Leases that were revoked before they could be used; then the main process does it. */
const ATTEMPTS_MAX = 4;
const empty = new Uint8Array(0);

/**
 * Takes the requests of the public port. An invocation for which this process has, or gets, a lease is made here; all
 * others are handed on to the main process. Nothing is answered here that the main process would answer differently.
 */
export class InvocationDoor<Held extends HeldRequest> {
  readonly #dependencies: InvocationDoorDependencies<Held>;
  #isClosing = false;

  constructor(dependencies: InvocationDoorDependencies<Held>) {
    this.#dependencies = dependencies;
  }

  /** From now on everything is handed on. */
  close(): void {
    this.#isClosing = true;
  }

  handle(message: IncomingMessage, response: ServerResponse): void {
    const { forward } = this.#dependencies;
    const question = this.#question(message);
    if (question === undefined) forward(message, response);
    else this.#readAndServe(question, message, response).catch(() => response.destroy());
  }

  /** What is not for this process goes to the HTTP server, and from there on. */
  handleHeld(held: Held): void {
    const question = this.#question(held.head);
    if (question === undefined) held.handBack();
    else this.#serve(question, held, () => held.handBack()).catch(() => held.socket.destroy());
  }

  /** Undefined for what the main process answers, as far as is known now. */
  #question(head: HeldRequest["head"]): LeaseQuestion | undefined {
    const question = this.#isClosing ? undefined : leaseQuestion(head);
    if (question === undefined) return undefined;
    return this.#dependencies.leases.find(question.key) === "forward" ? undefined : question;
  }

  async #readAndServe(
    question: LeaseQuestion,
    message: IncomingMessage,
    response: ServerResponse,
  ): Promise<void> {
    const body = message.headers["content-length"] === "0" ? empty : await wholeBody(message);
    if (body === undefined) return;
    const forward = (): void => this.#dependencies.forward(message, response, body);
    await this.#serve(question, { message, response, body }, forward);
  }

  async #serve(question: LeaseQuestion, request: ReadRequest | Held, forward: () => void): Promise<void> {
    const { leases, purseOf, invoke } = this.#dependencies;
    for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt++) {
      const lease = this.#isClosing ? "forward" : (leases.find(question.key) ?? (await leases.ask(question)));
      if (lease === "forward") break;
      // Revoked while its answer was on the way.
      if (!leases.isCurrent(lease)) continue;
      const purse = purseOf(lease);
      const waiting = purse.take();
      const refusal = waiting === undefined ? undefined : await waiting;
      if (waiting !== undefined && (this.#isClosing || !leases.isCurrent(lease))) {
        if (refusal === undefined) purse.putBack();
        continue;
      }
      // From here to the function's environment nothing waits: the lease is good until the invocation is under way.
      const isUsed = invoke({ lease, refusal }, request);
      if (!isUsed && refusal === undefined) purse.putBack();
      return;
    }
    forward();
  }
}

/** Undefined when the client went away. */
function wholeBody(message: IncomingMessage): Promise<Uint8Array | undefined> {
  return new Promise((resolve) => {
    const chunks: Buffer[] = [];
    message.on("data", (chunk: Buffer) => chunks.push(chunk));
    message.on("end", () => resolve(chunks.length === 1 ? chunks[0] : Buffer.concat(chunks)));
    message.on("error", () => resolve(undefined));
    message.on("close", () => resolve(undefined));
  });
}
