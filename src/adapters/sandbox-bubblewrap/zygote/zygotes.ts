import type { Clock } from "../../../ports/clock.ts";
import type { SandboxProgram } from "../../../ports/sandbox.ts";
import type { Zygote } from "./zygote.ts";

/**
 * Children of one zygote have the same address space layout, hash seed and stack canaries. A new one after so many
 * forks, or so long, bounds how many there are.
 */
const FORKS_MAX = 200;
const AGE_MAX_MS = 10 * 60_000;
/** Without children it is kept so long. */
const IDLE_MAX_MS = 60_000;
/** One that is not used any more ends with its last child, but not in the moment before it gets another one. */
const LAST_USE_MS = 30_000;
/** One that could not be made, or has failed, is tried again after this time, and after four times that, and so on. */
const RETRY_MIN_MS = 1_000;
const RETRY_MAX_MS = 5 * 60_000;
const RETRY_FACTOR = 4;

type Variables = Readonly<Record<string, string>>;
type ManagedZygote = Pick<Zygote, "forks" | "children" | "ended" | "close">;

export interface ZygotesParts<Managed extends ManagedZygote> {
  readonly clock: Clock;
  /** See `ZygoteLauncher`. */
  readonly start: (program: SandboxProgram, variables: Variables, childless: () => void) => Promise<Managed>;
  /** Told, with each attempt that fails, that programs have to be started instead of forked for a while. */
  readonly failed: (error: unknown, command: string) => void;
}

/** The zygote of one program with its start variables. */
interface Kind<Managed> {
  current: Promise<Managed> | undefined;
  /** Whether `current` has resolved. */
  isReady: boolean;
  /** Takes its place when it can fork: nobody waits for that. */
  successor: Promise<Managed> | undefined;
  madeMs: number;
  usedMs: number;
  retryAtMs: number;
  /** Between the last failure and the next attempt; 0 when all is well. */
  retryMs: number;
}

/** Keeps a zygote for each program that sandboxes are made with. */
export class Zygotes<Managed extends ManagedZygote = Zygote> {
  readonly #parts: ZygotesParts<Managed>;
  readonly #kinds = new Map<string, Kind<Managed>>();
  readonly #running = new Set<Managed>();
  /** Those that are not forked from any more, and end after their last child. */
  readonly #retired = new WeakSet<Managed>();
  #closed = false;

  constructor(parts: ZygotesParts<Managed>) {
    this.#parts = parts;
  }

  /** One that has this program loaded, made now or before; undefined where there can be none for a while. */
  async get(program: SandboxProgram, variables: Variables): Promise<Managed | undefined> {
    if (this.#closed) return undefined;
    const key = keyOf(program, variables);
    const nowMs = this.#parts.clock.monotonicMs();
    const kind = this.#kinds.get(key) ?? newKind(nowMs);
    this.#kinds.set(key, kind);
    if (kind.retryAtMs > nowMs) return undefined;
    kind.usedMs = nowMs;
    try {
      if (kind.current === undefined) {
        kind.madeMs = nowMs;
        kind.current = this.#start(program, variables, kind);
      }
      const made = kind.current;
      const current = await made;
      // Another one may have taken its place, and not be there yet.
      if (kind.current === made) kind.isReady = true;
      if (current.forks >= FORKS_MAX || nowMs - kind.madeMs > AGE_MAX_MS)
        this.#replace(kind, current, { program, variables });
      return current;
    } catch (error) {
      this.failed(program, variables, error);
      return undefined;
    }
  }

  /** Whether there is one to fork from at once; otherwise one is made, in the background, where it can be. */
  isReady(program: SandboxProgram, variables: Variables): boolean {
    const isReady = this.#kinds.get(keyOf(program, variables))?.isReady === true;
    if (!isReady) void this.get(program, variables);
    return isReady;
  }

  /** A child could not be forked: programs of this kind are started instead, for a while. */
  failed(program: SandboxProgram, variables: Variables, error: unknown): void {
    const kind = this.#kinds.get(keyOf(program, variables));
    const nowMs = this.#parts.clock.monotonicMs();
    if (kind === undefined || kind.retryAtMs > nowMs || this.#closed) return;
    const isRepeated = kind.retryMs > 0 && nowMs - kind.retryAtMs < RETRY_MAX_MS;
    kind.retryMs = isRepeated ? Math.min(RETRY_MAX_MS, kind.retryMs * RETRY_FACTOR) : RETRY_MIN_MS;
    kind.retryAtMs = nowMs + kind.retryMs;
    void kind.current?.then((zygote) => this.#retire(kind, zygote)).catch(() => undefined);
    forget(kind);
    this.#parts.failed(error, program.command.join(" "));
  }

  /** Kills them all, with their children. */
  async close(): Promise<void> {
    this.#closed = true;
    const starting = [...this.#kinds.values()].flatMap(({ current, successor }) =>
      [current, successor].filter((zygote) => zygote !== undefined),
    );
    await Promise.allSettled(starting);
    await Promise.all([...this.#running].map((zygote) => zygote.close()));
  }

  async #start(program: SandboxProgram, variables: Variables, kind: Kind<Managed>): Promise<Managed> {
    const zygote: Managed = await this.#parts.start(program, variables, () => this.#childless(kind, zygote));
    this.#running.add(zygote);
    void zygote.ended.then(() => this.#ended(kind, zygote));
    if (this.#closed) throw new Error("closed");
    return zygote;
  }

  /** In the background; until then the old one goes on. */
  #replace(
    kind: Kind<Managed>,
    old: Managed,
    { program, variables }: { readonly program: SandboxProgram; readonly variables: Variables },
  ): void {
    if (kind.successor !== undefined || this.#retired.has(old)) return;
    const { current } = kind;
    const successor = this.#start(program, variables, kind);
    kind.successor = successor;
    successor
      .then((zygote) => {
        if (this.#retired.has(zygote)) return;
        // The old one has gone before, and another one came.
        if (kind.current !== current) return this.#endUnused(zygote);
        this.#retire(kind, old);
        kind.madeMs = this.#parts.clock.monotonicMs();
        kind.current = successor;
        kind.isReady = true;
      })
      .catch((error: unknown) => this.failed(program, variables, error))
      .finally(() => {
        kind.successor = undefined;
      });
  }

  #retire(kind: Kind<Managed>, zygote: Managed): void {
    if (this.#retired.has(zygote)) return;
    this.#retired.add(zygote);
    forget(kind);
    this.#endLater(zygote);
  }

  #endUnused(zygote: Managed): void {
    this.#retired.add(zygote);
    end(zygote);
  }

  #endLater(zygote: Managed): void {
    this.#parts.clock.after(LAST_USE_MS, () => {
      if (zygote.children === 0) end(zygote);
    });
  }

  #childless(kind: Kind<Managed>, zygote: Managed): void {
    if (this.#retired.has(zygote)) this.#endLater(zygote);
    else
      this.#parts.clock.after(IDLE_MAX_MS, () => {
        const isIdle = this.#parts.clock.monotonicMs() - kind.usedMs >= IDLE_MAX_MS;
        if (isIdle && zygote.children === 0) this.#retire(kind, zygote);
      });
  }

  #ended(kind: Kind<Managed>, zygote: Managed): void {
    this.#running.delete(zygote);
    end(zygote);
    if (this.#retired.has(zygote)) return;
    this.#retired.add(zygote);
    forget(kind);
  }
}

/** A control group that cannot be removed just now is removed when Lambent starts again. */
function end(zygote: ManagedZygote): void {
  zygote.close().catch(() => undefined);
}

function forget(kind: Kind<ManagedZygote>): void {
  kind.current = undefined;
  kind.isReady = false;
}

function newKind(nowMs: number): Kind<never> {
  return {
    current: undefined,
    isReady: false,
    successor: undefined,
    madeMs: nowMs,
    usedMs: nowMs,
    retryAtMs: 0,
    retryMs: 0,
  };
}

const keyOf = (program: SandboxProgram, variables: Variables): string => JSON.stringify([program, variables]);
