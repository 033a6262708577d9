import type { Sandbox, SandboxAssignment, WaitingSandbox } from "../../../ports/sandbox.ts";
import type { BubblewrapSandbox } from "../bubblewrap-sandbox.ts";
import type { HostPaths } from "../host-paths.ts";
import { AssignmentDoor } from "./assignment-door.ts";
import type { LateDirectory } from "./late-directories.ts";

/** AWS: where code and layers are; bwrap names the directory it starts in, whatever the function's variables say. */
const STARTED_IN = { PWD: "/var/task" };

export interface WaitingSandboxParts {
  readonly sandbox: BubblewrapSandbox;
  readonly directory: LateDirectory;
  readonly hostPaths: HostPaths;
  /** Completes a function's variables as for a program that is started with them. */
  readonly programVariables: (variables: Readonly<Record<string, string>>) => Record<string, string>;
}

/** A sandbox whose program waits for its function. */
export class BubblewrapWaitingSandbox implements WaitingSandbox {
  readonly id: string;
  readonly ended: Promise<void>;
  readonly #parts: WaitingSandboxParts;
  readonly #door: AssignmentDoor;
  readonly #end = Promise.withResolvers<void>();
  #state: "waiting" | "assigned" | "ended" = "waiting";
  #reason = "its program has ended";

  /** Call when the listeners are held, before the program may go on. */
  constructor(parts: WaitingSandboxParts) {
    const { sandbox } = parts;
    this.id = sandbox.id;
    this.#parts = parts;
    this.ended = this.#end.promise;
    this.#door = new AssignmentDoor(sandbox.runtimeApi, sandbox.awsEndpoint, (reason) =>
      this.#broken(reason),
    );
    void sandbox.exited.then(() => this.#broken("its program has ended"));
  }

  /** Resolves when the program waits; rejects when it will not. */
  async ready(): Promise<void> {
    await Promise.race([this.#door.asked(), this.ended]);
    if (this.#state !== "waiting") throw new Error(`the program does not wait: ${this.#reason}`);
  }

  async assign(assignment: SandboxAssignment): Promise<Sandbox> {
    if (this.#state !== "waiting") throw new Error("a sandbox is assigned once, while it waits");
    this.#state = "assigned";
    const { sandbox, directory, hostPaths, programVariables } = this.#parts;
    try {
      const { codeDirectory, layersDirectory, environmentVariables } = assignment;
      const [code, layers] = await Promise.all([
        hostPaths.reachable(codeDirectory),
        layersDirectory === undefined ? undefined : hostPaths.reachable(layersDirectory),
      ]);
      // The program becomes the function's, and its limits are written, while the mounts are made.
      const shown = directory.show(code, layers);
      shown.catch(() => undefined);
      this.#door.tell({ ...programVariables(environmentVariables()), ...STARTED_IN });
      sandbox.assigned(assignment.memoryMb);
      await shown;
    } catch (error) {
      await sandbox.destroy();
      throw error;
    }
    // When every promise that waits for this sandbox has gone on: its doors are connected before the program goes on.
    process.nextTick(() => this.#finish());
    return sandbox;
  }

  freeze(): void {
    this.#parts.sandbox.freeze();
  }

  thaw(): void {
    this.#parts.sandbox.thaw();
  }

  destroy(): Promise<void> {
    return this.#parts.sandbox.destroy();
  }

  #finish(): void {
    try {
      this.#door.open();
    } catch {
      // The program has ended in the meantime, which `exited` tells.
      void this.#parts.sandbox.destroy();
    }
  }

  #broken(reason: string): void {
    if (this.#state !== "waiting") return;
    this.#state = "ended";
    this.#reason = reason;
    this.#end.resolve();
    void this.#parts.sandbox.destroy();
  }
}
