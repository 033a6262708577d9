import type { Server } from "node:net";
import type { Readable } from "node:stream";

/** A host directory or file shown inside the sandbox, read-only unless it says otherwise. */
export interface SandboxMount {
  readonly hostPath: string;
  readonly sandboxPath: string;
}

/** What a runtime needs inside a sandbox; made by the runtime catalogue, the same for every function using it. */
export interface SandboxProgram {
  /** Absolute paths inside the sandbox, e.g. ["/var/lang/bin/python3.12", "/var/runtime/bootstrap.py"]. */
  readonly command: readonly string[];
  readonly mounts: readonly SandboxMount[];
  /**
   * Paths inside, below /var/task and /opt: the command becomes the first of them that is a file. A driver may start that
   * in its place where it has done what the command is for; what is no executable is left to the command to complain of.
   */
  readonly becomes?: readonly string[] | undefined;
}

export interface SandboxRequest {
  /** 32 hexadecimal digits, unique per environment. */
  readonly id: string;
  readonly program: SandboxProgram;
  /** Host directory with the function's code, shown read-only at /var/task. */
  readonly codeDirectory: string;
  /** Host directories shown for reading and writing; only drivers that isolate can. */
  readonly fileSystems?: readonly SandboxMount[] | undefined;
  /** Host directory with the function's layers, shown read-only at /opt. */
  readonly layersDirectory?: string | undefined;
  /** Everything the process sees; the driver adds only what its hand-over of listeners needs. */
  readonly environmentVariables: Readonly<Record<string, string>>;
  readonly memoryMb: number;
  /** Size of /tmp. */
  readonly ephemeralStorageMb: number;
  /**
   * A sandbox of the same environment, stopped or about to be: its /tmp, and the user id whose files lie there, go on
   * in the new one, unless /tmp is in memory (the isolation report says so).
   */
  readonly keepScratchOf?: Sandbox | undefined;
  /** Adds a named pipe at EXTENSION_OUTPUT_PATH, whose other end is `Sandbox.extensionOutput`. */
  readonly hasExtensions?: boolean | undefined;
}

/** In the sandbox: where extensions write what they have to say, apart from the function's output. */
export const EXTENSION_OUTPUT_PATH = "/run/extension-output";

/**
 * Event of `Sandbox.runtimeApi`, in place of `connection`: the socket of a program that has asked, with its assignment, to
 * go on in frames on the same connection (`runtimes/README.md`).
 */
export const FRAMES_CONNECTION = "lambent-frames";

export interface SandboxExit {
  readonly code: number | null;
  readonly signal: string | null;
  /** The kernel killed a process of this sandbox for lack of memory. */
  readonly outOfMemory: boolean;
}

/** The way from this process to a TCP port that a program inside a sandbox listens on, on its loopback address. */
export interface SandboxRelay {
  /**
   * Sends bytes, one call at a time. Over a connection of their own: resolves with the first line of the answer, which
   * is empty when there was none, and what follows is read and thrown away; otherwise resolves with "" when they are on
   * their way. Rejects when nobody listens or the sandbox is gone. While the sandbox is frozen nothing happens.
   */
  send(message: Buffer): Promise<string>;
  close(): void;
}

/**
 * One isolated process tree. The Runtime API listener stands inside the sandbox's own network namespace at
 * 127.0.0.1:9001 (AWS_LAMBDA_RUNTIME_API), the AWS endpoint at 127.0.0.1:4566 (AWS_ENDPOINT_URL); both are held by
 * this process. Drivers without network namespaces listen on loopback ports of the host instead.
 */
export interface Sandbox {
  readonly id: string;
  /** Connections to these come from inside this sandbox only (isolating drivers). */
  readonly runtimeApi: Server;
  readonly awsEndpoint: Server;
  /** What is written to standard output, and whatever of the following two is absent, in the order of writing. */
  readonly stdout: Readable;
  readonly stderr?: Readable | undefined;
  /** Framed log records of managed runtimes (_LAMBDA_TELEMETRY_LOG_FD). */
  readonly telemetry?: Readable | undefined;
  /** What was written to EXTENSION_OUTPUT_PATH; present when it was asked for. */
  readonly extensionOutput?: Readable | undefined;
  /** Resolves once, when the main process has ended. */
  readonly exited: Promise<SandboxExit>;
  /** Applies the CPU share in proportion to memory (1,769 MB = one vCPU); until then a full burst is allowed. */
  limitCpu(): void;
  /** Stops every process where it stands, until `thaw`; without effect where the machine cannot. */
  freeze(): void;
  thaw(): void;
  /** Asks the main process to end (SIGTERM), which may be asked again; absent where the driver cannot. */
  terminate?(): void;
  /** Absent where the driver has no way to its programs, or the machine lacks a program for it. */
  readonly openRelay?:
    | ((port: number, connections: "connection per message" | "one connection") => SandboxRelay)
    | undefined;
  /** Highest memory use so far, bytes; undefined where it cannot be told. */
  memoryPeakBytes(): number | undefined;
  /**
   * Kills every process and removes mounts, cgroups and listeners; only /tmp stays, for a sandbox that carries it on
   * (`SandboxRequest.keepScratchOf`). Idempotent; resolves when no process is left.
   */
  stop(): Promise<void>;
  /** `stop`, and removes scratch space that no other sandbox carries on; idempotent; resolves when all is gone. */
  destroy(): Promise<void>;
}

/** What a sandbox is started with before its function is known. */
export interface ReserveRequest {
  /** As in `SandboxRequest`. */
  readonly id: string;
  readonly program: SandboxProgram;
  /** The runtime's defaults; `LAMBENT_RESERVE=1` is added, which tells the program to wait for its assignment. */
  readonly environmentVariables: Readonly<Record<string, string>>;
  /**
   * The program can be a zygote (`runtimes/README.md`): where the driver can do so, it is forked from one that is
   * prepared already, instead of being started.
   */
  readonly canFork?: boolean | undefined;
  /** Somebody waits for it, and would not want to for what it is forked from: rejected when that is not there. */
  readonly isUrgent?: boolean | undefined;
  /** Ceiling while it waits. */
  readonly memoryMb: number;
  readonly ephemeralStorageMb: number;
}

/** What makes a waiting sandbox one of a function. */
export interface SandboxAssignment {
  /** Shown read-only at /var/task. */
  readonly codeDirectory: string;
  /** Shown read-only at /opt. */
  readonly layersDirectory: string | undefined;
  /** Asked for once: the complete environment, as in `SandboxRequest`, not what is to be added. */
  readonly environmentVariables: () => Readonly<Record<string, string>>;
  readonly memoryMb: number;
}

/**
 * A sandbox that is complete but for its function: isolated, its listeners held, its program prepared and waiting for
 * the assignment on its Runtime API listener. It has seen nothing of any function.
 */
export interface WaitingSandbox {
  readonly id: string;
  /** Resolves when it cannot be assigned any more, because its program has ended or broken the rules. */
  readonly ended: Promise<void>;
  /**
   * Gives it a function, once. The sandbox is then as one that `create` makes, and the caller connects its listeners
   * in the same turn. Rejects when that fails; nothing is left of it then.
   */
  assign(assignment: SandboxAssignment): Promise<Sandbox>;
  freeze(): void;
  thaw(): void;
  destroy(): Promise<void>;
}

export interface IsolationReport {
  readonly driver: "bubblewrap" | "process";
  /** False only for the plain-process fallback. */
  readonly isolates: boolean;
  /** One line for the banner: what is in force and why. */
  readonly summary: string;
  readonly limits: { readonly memory: boolean; readonly cpu: boolean; readonly processes: boolean };
  /** Where functions can connect to besides the AWS endpoint; `host`: wherever this user can. */
  readonly network: { readonly policy: "none" | "internet" | "all" | "host"; readonly summary: string };
  /** What is missing and the command that would mend it, one line each. */
  readonly advice: readonly string[];
}

export interface SandboxDriver {
  readonly report: IsolationReport;
  /** Resolves when the main process runs and both listeners are held; rejects when it could not be started. */
  create(request: SandboxRequest): Promise<Sandbox>;
  /**
   * Resolves when the program waits for its assignment; rejects when it does not come to that. Absent where code
   * cannot be shown to a sandbox that already runs.
   */
  readonly prepare?: ((request: ReserveRequest) => Promise<WaitingSandbox>) | undefined;
  /** Whether `prepare` forks programs that can be forked. */
  readonly forks?: boolean | undefined;
  /** Destroys every sandbox of this driver. */
  close(): Promise<void>;
}
