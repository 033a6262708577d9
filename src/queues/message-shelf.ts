import { DueHeap } from "../core/due-heap.ts";
import type { Reception, StoredMessage } from "./queue-message.ts";

/** A message with the state of its receptions. */
export interface HeldMessage {
  readonly message: StoredMessage;
  /** ready: to be received. delayed: for the first time later. out: received, and invisible until `dueMs`. */
  state: "ready" | "delayed" | "out" | "gone";
  dueMs: number;
  receiveCount: number;
  firstReceivedMs: number | undefined;
  /** Part of the receipt handle of the last reception. */
  reception: string | undefined;
  /** Who has it is part of this program. */
  endsWithProcess: boolean;
}

interface Group {
  /** Ready ones by sequence. */
  readonly ready: HeldMessage[];
  out: number;
}

export interface ShelfCounts {
  readonly visible: number;
  readonly notVisible: number;
  readonly delayed: number;
}

/**
 * The messages of one queue by what can be done with them now. In a FIFO queue those of a group come in order, and none
 * while another one of the group is out.
 */
export class MessageShelf {
  readonly #isFifo: boolean;
  readonly #bySequence = new Map<number, HeldMessage>();
  readonly #due = new DueHeap<HeldMessage>();
  readonly #ready = new Set<HeldMessage>();
  readonly #groups = new Map<string, Group>();
  /** Groups from which something can be received. */
  readonly #readyGroups = new Set<Group>();
  #outCount = 0;
  #delayedCount = 0;

  constructor(isFifo: boolean) {
    this.#isFifo = isFifo;
  }

  get size(): number {
    return this.#bySequence.size;
  }

  /** In the order they were sent. */
  messages(): Iterable<HeldMessage> {
    return this.#bySequence.values();
  }

  get(sequence: number): HeldMessage | undefined {
    return this.#bySequence.get(sequence);
  }

  counts(nowMs: number): ShelfCounts {
    this.#promote(nowMs);
    const notVisible = this.#outCount;
    const delayed = this.#delayedCount;
    return { visible: this.#bySequence.size - notVisible - delayed, notVisible, delayed };
  }

  /** `received`: what an earlier process knew of it. */
  add(message: StoredMessage, nowMs: number, received?: Reception): void {
    const held: HeldMessage = {
      message,
      state: "gone",
      dueMs: message.visibleFromMs,
      receiveCount: received?.receiveCount ?? 0,
      firstReceivedMs: received?.firstReceivedMs,
      reception: received?.reception,
      endsWithProcess: false,
    };
    this.#bySequence.set(message.sequence, held);
    if (received !== undefined && received.dueMs > nowMs && !received.endsWithProcess)
      this.#makeOut(held, received.dueMs);
    else if (message.visibleFromMs <= nowMs) this.#makeReady(held);
    else {
      held.state = "delayed";
      this.#delayedCount++;
      this.#due.add(held.dueMs, held);
    }
  }

  /** Up to `max` that are ready, out until `untilMs` from now on. */
  take(max: number, nowMs: number, untilMs: number): HeldMessage[] {
    this.#promote(nowMs);
    const taken: HeldMessage[] = [];
    if (this.#isFifo) this.#takeFromGroups(max, taken);
    else
      for (const held of this.#ready) {
        if (taken.length >= max) break;
        this.#ready.delete(held);
        taken.push(held);
      }
    for (const held of taken) {
      held.state = "out";
      this.#outCount++;
      this.setDue(held, untilMs);
    }
    return taken;
  }

  /** Changes until when a message is out; a time that has come gives it back. */
  setDue(held: HeldMessage, atMs: number): void {
    held.dueMs = atMs;
    this.#due.add(atMs, held);
  }

  remove(held: HeldMessage): void {
    if (held.state === "gone") return;
    if (held.state === "out") this.#leaveOut(held);
    else if (held.state === "delayed") this.#delayedCount--;
    else if (this.#isFifo) this.#leaveGroup(held);
    else this.#ready.delete(held);
    held.state = "gone";
    this.#bySequence.delete(held.message.sequence);
  }

  clear(): void {
    for (const held of this.#bySequence.values()) held.state = "gone";
    this.#bySequence.clear();
    this.#due.clear();
    this.#ready.clear();
    this.#groups.clear();
    this.#readyGroups.clear();
    this.#outCount = 0;
    this.#delayedCount = 0;
  }

  /** When something more may become ready; undefined when nothing will by itself. */
  nextDueMs(nowMs: number): number | undefined {
    this.#promote(nowMs);
    return this.#due.nextMs;
  }

  /** What is due is ready from now on. */
  #promote(nowMs: number): void {
    for (let held = this.#due.take(nowMs); held !== undefined; held = this.#due.take(nowMs)) {
      // An entry is left behind whenever the time changes, and by what is gone.
      if (held.dueMs > nowMs) continue;
      if (held.state === "delayed") this.#delayedCount--;
      else if (held.state === "out") this.#leaveOut(held);
      else continue;
      this.#makeReady(held);
    }
  }

  #makeReady(held: HeldMessage): void {
    held.state = "ready";
    if (!this.#isFifo) {
      this.#ready.add(held);
      return;
    }
    const group = this.#groupOf(held);
    let at = group.ready.length;
    while (at > 0 && (group.ready[at - 1]?.message.sequence ?? 0) > held.message.sequence) at--;
    group.ready.splice(at, 0, held);
    this.#settle(held, group);
  }

  #makeOut(held: HeldMessage, untilMs: number): void {
    held.state = "out";
    this.#outCount++;
    if (this.#isFifo) {
      const group = this.#groupOf(held);
      group.out++;
      this.#settle(held, group);
    }
    this.setDue(held, untilMs);
  }

  #takeFromGroups(max: number, taken: HeldMessage[]): void {
    for (const group of this.#readyGroups) {
      if (taken.length >= max) return;
      const some = group.ready.splice(0, max - taken.length);
      group.out += some.length;
      taken.push(...some);
      this.#readyGroups.delete(group);
    }
  }

  #leaveOut(held: HeldMessage): void {
    this.#outCount--;
    if (!this.#isFifo) return;
    const group = this.#groupOf(held);
    group.out--;
    this.#settle(held, group);
  }

  #leaveGroup(held: HeldMessage): void {
    const group = this.#groupOf(held);
    group.ready.splice(group.ready.indexOf(held), 1);
    this.#settle(held, group);
  }

  #groupOf({ message }: HeldMessage): Group {
    const name = message.groupId ?? "";
    let group = this.#groups.get(name);
    if (group === undefined) {
      group = { ready: [], out: 0 };
      this.#groups.set(name, group);
    }
    return group;
  }

  #settle({ message }: HeldMessage, group: Group): void {
    if (group.out === 0 && group.ready.length > 0) this.#readyGroups.add(group);
    else this.#readyGroups.delete(group);
    if (group.out === 0 && group.ready.length === 0) this.#groups.delete(message.groupId ?? "");
  }
}
