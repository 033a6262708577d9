import { createHash } from "node:crypto";

/** A user id of the host that owns nothing but one sandbox. The group id is the same number. */
export type UnprivilegedUser = number;

/**
 * From here to 0x7FFFFFFF nothing hands out user ids: systemd's containers end below, subordinate ids are far below
 * (systemd's document "Users, Groups, UIDs and GIDs").
 */
const FIRST_USER = 0x70000000;
const USERS_PER_INSTANCE = 8_192;
const INSTANCES = 0x7fff;
/** In a user namespace that has few ids (rootless containers), the upper half of them. */
const SMALL_RANGE_MIN = 1_024;

/** The ids that exist in this process's user namespace, from the text of /proc/self/uid_map: [first, count]. */
function mappedRanges(uidMap: string): [number, number][] {
  return uidMap
    .trim()
    .split("\n")
    .map((line): [number, number] => {
      const [first = "0", , count = "0"] = line.trim().split(/\s+/);
      return [Number(first), Number(count)];
    });
}

/** Hands out user ids, a different block for each instance as far as there are enough. */
export class UnprivilegedUsers {
  readonly #first: number;
  readonly #count: number;
  readonly #free: number[] = [];
  #used = 0;

  private constructor(first: number, count: number) {
    this.#first = first;
    this.#count = count;
  }

  /** Undefined when this process cannot become anybody else (a user namespace with a single id). */
  static open(instance: string, uidMap: string): UnprivilegedUsers | undefined {
    const block = createHash("sha256").update(instance).digest().readUInt32BE(0) % INSTANCES;
    const first = FIRST_USER + block * USERS_PER_INSTANCE;
    const ranges = mappedRanges(uidMap);
    if (ranges.some(([start, count]) => first >= start && first + USERS_PER_INSTANCE <= start + count))
      return new UnprivilegedUsers(first, USERS_PER_INSTANCE);
    const [start, count] = ranges.reduce((widest, range) => (range[1] > widest[1] ? range : widest), [0, 0]);
    if (count < SMALL_RANGE_MIN) return undefined;
    return new UnprivilegedUsers(start + Math.floor(count / 2), Math.floor(count / 2));
  }

  /** An id that no living sandbox has. */
  take(): UnprivilegedUser {
    const free = this.#free.shift();
    if (free !== undefined) return free;
    if (this.#used === this.#count) throw new Error(`all ${this.#count} user ids for sandboxes are in use`);
    return this.#first + this.#used++;
  }

  /** Gives an id back; nothing may run as this user any more. */
  release(user: UnprivilegedUser): void {
    this.#free.push(user);
  }
}
