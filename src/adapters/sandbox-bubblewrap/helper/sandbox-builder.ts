import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import type { RootFileSystem } from "../bubblewrap-arguments.ts";
import type { UnprivilegedUsers } from "../unprivileged-users.ts";
import type { LaunchedProgram, SandboxHelper } from "./sandbox-helper.ts";
import { sandboxOrder } from "./sandbox-order.ts";
import { fitTemplate, type MountPoint, templateSteps } from "./template-steps.ts";

/** What building needs to know about this machine and this Lambent. */
export interface BuildingGround {
  readonly workspaceDirectory: string;
  readonly rootFileSystem: RootFileSystem;
  /** File with the seccomp program. */
  readonly seccompFile: string;
  readonly users: UnprivilegedUsers;
  readonly inside: { readonly uid: number; readonly gid: number; readonly hostName: string };
}

/** What differs between sandboxes before they are shown anything. */
export interface BuildOrder {
  readonly template: number;
  readonly volume: string;
  readonly user: number;
  readonly oomScoreAdjustment: number;
  readonly openFiles: number;
  /** Of version 2, or "". */
  readonly group: string;
  readonly taskFiles: readonly string[];
  /** Seven, as `build` in `build-source.ts` says. */
  readonly descriptors: readonly string[];
  /** Name and port of each listener, which come through the channel. */
  readonly listeners: readonly string[];
}

/** Has the helper build sandboxes, where the kernel lets it. */
export class SandboxBuilder {
  readonly #helper: SandboxHelper;
  readonly #ground: BuildingGround;
  readonly #templates = new Map<string, Promise<number | undefined>>();

  private constructor(helper: SandboxHelper, ground: BuildingGround) {
    this.#helper = helper;
    this.#ground = ground;
  }

  /** Builds one and runs a program in it; undefined when that fails: sandboxes are left to bwrap then. */
  static async open(helper: SandboxHelper, ground: BuildingGround): Promise<SandboxBuilder | undefined> {
    const builder = new SandboxBuilder(helper, ground);
    const user = ground.users.take();
    try {
      await mkdir(join(ground.workspaceDirectory, "template"), { recursive: true, mode: 0o700 });
      const worked = user !== undefined && (await builder.#tryOut(user));
      return worked ? builder : undefined;
    } catch {
      return undefined;
    } finally {
      if (user !== undefined) ground.users.release(user);
    }
  }

  /** Of the template with these mount points, made now or before; undefined where there can be none. */
  template(mountPoints: readonly MountPoint[]): Promise<number | undefined> {
    const points = [...mountPoints].sort((a, b) => (a.path < b.path ? -1 : 1));
    const key = JSON.stringify(points);
    const known = this.#templates.get(key);
    if (known !== undefined) return known;
    const made = this.#makeTemplate(points).catch(() => undefined);
    this.#templates.set(key, made);
    return made;
  }

  /** A sandbox that waits for its order. Its first process is the program that is told of. */
  build(order: BuildOrder): Promise<LaunchedProgram> {
    const { uid, gid, hostName } = this.#ground.inside;
    return this.#helper.launch(
      "build",
      String(order.template),
      order.volume,
      ...[order.user, uid, gid].map(String),
      hostName,
      ...[order.oomScoreAdjustment, order.openFiles].map(String),
      order.group,
      String(order.descriptors.length),
      ...order.descriptors,
      String(order.taskFiles.length),
      ...order.taskFiles,
      ...order.listeners,
    );
  }

  /** Rejects when there is no such sandbox, or the order has gone out before. */
  async start(processId: number, order: readonly string[]): Promise<void> {
    await this.#helper.ask("start", String(processId), ...order);
  }

  async #makeTemplate(mountPoints: readonly MountPoint[]): Promise<number | undefined> {
    const { rootFileSystem, workspaceDirectory } = this.#ground;
    if (!fitTemplate(rootFileSystem, mountPoints)) return undefined;
    const directory = join(workspaceDirectory, "template");
    return Number(
      await this.#helper.ask("template", directory, ...templateSteps(rootFileSystem, mountPoints)),
    );
  }

  async #tryOut(user: number): Promise<boolean> {
    const template = await this.template([]);
    if (template === undefined) return false;
    const { seccompFile, rootFileSystem } = this.#ground;
    const nowhere = "w/dev/null";
    const { processId, ended } = await this.build({
      template,
      volume: "",
      user,
      oomScoreAdjustment: 0,
      openFiles: 64,
      group: "",
      taskFiles: [],
      descriptors: ["r/dev/null", nowhere, nowhere, "none", "none", `r${seccompFile}`, nowhere],
      listeners: [],
    });
    const view = {
      rootFileSystem,
      mounts: [],
      codeDirectory: join(rootFileSystem.etc, "."),
      fileSystems: [],
      scratch: { sizeBytes: 65_536 },
      environmentVariables: {},
    };
    await this.start(processId, sandboxOrder(view, ["/usr/bin/true"]));
    return (await ended).code === 0;
  }
}
