import { readFileSync } from "node:fs";
import type { Clock } from "../../../ports/clock.ts";
import type { SandboxProgram } from "../../../ports/sandbox.ts";
import type { RootFileSystem } from "../bubblewrap-arguments.ts";
import type { ControlGroups } from "../cgroups/control-group.ts";
import type { HostPaths } from "../host-paths.ts";
import { OOM_SCORE_ADJUSTMENT, OPEN_FILES_MAX } from "../start-bubblewrap.ts";
import { SANDBOX_USER } from "../workspace.ts";
import type { Holder } from "./holder.ts";
import { Zygote } from "./zygote.ts";
import { zygoteOptions } from "./zygote-arguments.ts";

/**
 * Children of one zygote have the same address space layout and hash seed. A new one after so many forks, or so long,
 * bounds how many there are.
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

export interface ZygotesParts {
  readonly clock: Clock;
  readonly bubblewrap: string;
  readonly seccompFile: string;
  readonly rootFileSystem: RootFileSystem;
  readonly hostPaths: HostPaths;
  readonly groups: ControlGroups;
  readonly holder: Holder;
  /** Told when programs have to be started instead of forked, once until it is tried again. */
  readonly failed: (error: unknown, command: string) => void;
}

/** The zygote of one program with its start variables. */
interface Kind {
  current: Promise<Zygote> | undefined;
  madeMs: number;
  usedMs: number;
  retryAtMs: number;
  /** Between the last failure and the next attempt; 0 when all is well. */
  retryMs: number;
}

/** Keeps a zygote for each program that sandboxes are made with. */
export class Zygotes {
  readonly holder: Holder;
  readonly #parts: ZygotesParts;
  readonly #kinds = new Map<string, Kind>();
  readonly #running = new Set<Zygote>();
  /** Those that are not forked from any more, and end with their last child. */
  readonly #retired = new WeakSet<Zygote>();
  #made = 0;
  #closed = false;

  constructor(parts: ZygotesParts) {
    this.#parts = parts;
    this.holder = parts.holder;
  }

  /** One that has this program loaded; undefined where there can be none just now. */
  async get(
    program: SandboxProgram,
    variables: Readonly<Record<string, string>>,
  ): Promise<Zygote | undefined> {
    if (this.#closed) return undefined;
    const key = keyOf(program, variables);
    const nowMs = this.#parts.clock.monotonicMs();
    const kind = this.#kinds.get(key) ?? {
      current: undefined,
      madeMs: nowMs,
      usedMs: nowMs,
      retryAtMs: 0,
      retryMs: 0,
    };
    this.#kinds.set(key, kind);
    if (kind.retryAtMs > nowMs) return undefined;
    kind.usedMs = nowMs;
    try {
      const current = await kind.current;
      if (current !== undefined && (current.forks >= FORKS_MAX || nowMs - kind.madeMs > AGE_MAX_MS)) {
        this.#retire(kind, current);
      }
      if (kind.current === undefined) {
        kind.madeMs = nowMs;
        kind.current = this.#start(program, variables, kind);
      }
      return await kind.current;
    } catch (error) {
      this.failed(program, variables, error);
      return undefined;
    }
  }

  /** Programs of this kind are started instead, for a while. */
  failed(program: SandboxProgram, variables: Readonly<Record<string, string>>, error: unknown): void {
    const kind = this.#kinds.get(keyOf(program, variables));
    const nowMs = this.#parts.clock.monotonicMs();
    if (kind === undefined || kind.retryAtMs > nowMs || this.#closed) return;
    const isRepeated = nowMs - kind.retryAtMs < RETRY_MAX_MS && kind.retryMs > 0;
    kind.retryMs = isRepeated ? Math.min(RETRY_MAX_MS, kind.retryMs * RETRY_FACTOR) : RETRY_MIN_MS;
    kind.retryAtMs = nowMs + kind.retryMs;
    void kind.current?.then((zygote) => this.#retire(kind, zygote)).catch(() => undefined);
    kind.current = undefined;
    this.#parts.failed(error, program.command.join(" "));
  }

  /** Kills them all, with their children. */
  async close(): Promise<void> {
    this.#closed = true;
    await Promise.allSettled([...this.#kinds.values()].map(({ current }) => current));
    await Promise.all([...this.#running].map((zygote) => zygote.close()));
  }

  async #start(
    program: SandboxProgram,
    variables: Readonly<Record<string, string>>,
    kind: Kind,
  ): Promise<Zygote> {
    const { bubblewrap, groups, rootFileSystem, hostPaths, holder, seccompFile } = this.#parts;
    const mounts = program.mounts.map(async ({ hostPath, sandboxPath }) => ({
      source: await hostPaths.reachable(hostPath),
      sandboxPath,
    }));
    const options = zygoteOptions({
      rootFileSystem,
      mounts: await Promise.all(mounts),
      groupDirectories: groups.directories,
      environmentVariables: { ...variables, LAMBENT_ZYGOTE: "1" },
    });
    const group = groups.create(`zygote-${++this.#made}`);
    const settings = {
      uid: SANDBOX_USER.uid,
      gid: SANDBOX_USER.gid,
      openFiles: OPEN_FILES_MAX,
      oomScoreAdjustment: OOM_SCORE_ADJUSTMENT,
      holder: holder.executable,
      filter: readFileSync(seccompFile).toString("hex"),
    };
    const childless = (): void => this.#childless(kind, zygote);
    const zygote: Zygote = await Zygote.start(
      { bubblewrap, options, command: program.command, group, settings },
      childless,
    );
    this.#running.add(zygote);
    void zygote.ended.then(() => this.#ended(kind, zygote));
    if (this.#closed) throw new Error("closed");
    return zygote;
  }

  #retire(kind: Kind, zygote: Zygote): void {
    this.#retired.add(zygote);
    kind.current = undefined;
    this.#endLater(zygote);
  }

  #endLater(zygote: Zygote): void {
    this.#parts.clock.after(LAST_USE_MS, () => {
      if (zygote.children === 0) void zygote.close();
    });
  }

  #childless(kind: Kind, zygote: Zygote): void {
    if (this.#retired.has(zygote)) this.#endLater(zygote);
    else
      this.#parts.clock.after(IDLE_MAX_MS, () => {
        const isIdle = this.#parts.clock.monotonicMs() - kind.usedMs >= IDLE_MAX_MS;
        if (isIdle && zygote.children === 0 && !this.#retired.has(zygote)) this.#retire(kind, zygote);
      });
  }

  #ended(kind: Kind, zygote: Zygote): void {
    this.#running.delete(zygote);
    void zygote.close();
    if (this.#retired.has(zygote)) return;
    this.#retired.add(zygote);
    kind.current = undefined;
  }
}

const keyOf = (program: SandboxProgram, variables: Readonly<Record<string, string>>): string =>
  JSON.stringify([program, variables]);
