import { type ChildProcess, spawn } from "node:child_process";
import { createInterface } from "node:readline";
import type { SandboxRelay } from "../../ports/sandbox.ts";
import type { Launch } from "./launch.ts";
import { findProgram } from "./programs.ts";

/** The programs that a relay is made of. */
export interface RelayPrograms {
  /** Of util-linux. */
  readonly nsenter: string;
  readonly bash: string;
}

const PATH = "/usr/bin:/bin";
/**
 * For each "length, newline, message" a connection to the port; the answer's first line comes back. A subscriber that
 * closes early must not take the rest of a message for the next one's length, and one that keeps the connection open
 * must not hold up the next message for longer than two seconds.
 */
const CONNECTION_PER_MESSAGE = `
while read -r length; do
  if { exec 3<>"/dev/tcp/127.0.0.1/$1"; } 2>/dev/null; then
    head -c "$length" | { cat >&3; cat >/dev/null; } 2>/dev/null
    answer=
    read -r -n 200 answer <&3
    timeout 2 cat <&3 >/dev/null
    exec 3>&-
    printf 'answer %s\\n' "$answer"
  else
    head -c "$length" >/dev/null
    printf 'refused\\n'
  fi
done
`;
const ONE_CONNECTION = `
{ exec 3<>"/dev/tcp/127.0.0.1/$1"; } 2>/dev/null || exit 1
printf 'connected\\n'
exec cat >&3
`;

/** Undefined where this machine lacks one. */
export function findRelayPrograms(): RelayPrograms | undefined {
  const [nsenter, bash] = [findProgram("nsenter"), findProgram("bash")];
  return nsenter === undefined || bash === undefined ? undefined : { nsenter, bash };
}

export type RelayConnections = "connection per message" | "one connection";

/**
 * A shell outside of the sandbox's file system and processes but in its network namespace, as its user and under its
 * limits: it is counted, frozen and killed with the sandbox. It carries bytes from this process to a port inside.
 */
export class InsideRelay implements SandboxRelay {
  readonly #programs: RelayPrograms;
  readonly #launch: Launch;
  readonly #port: number;
  readonly #connections: RelayConnections;
  #shell: Promise<RelayShell> | undefined;
  #isClosed = false;

  constructor(
    programs: RelayPrograms,
    launch: Launch,
    { port, connections }: { readonly port: number; readonly connections: RelayConnections },
  ) {
    this.#programs = programs;
    this.#launch = launch;
    this.#port = port;
    this.#connections = connections;
  }

  async send(message: Buffer): Promise<string> {
    if (this.#isClosed) throw new Error("closed");
    this.#shell ??= this.#start();
    try {
      const shell = await this.#shell;
      if (this.#connections === "one connection") return await shell.write(message);
      return await shell.exchange(message);
    } catch (error) {
      // The next message has a new one.
      this.#end();
      throw error;
    }
  }

  close(): void {
    this.#isClosed = true;
    this.#end();
  }

  #end(): void {
    this.#shell?.then((shell) => shell.kill()).catch(() => undefined);
    this.#shell = undefined;
  }

  async #start(): Promise<RelayShell> {
    const { user, group, firstProcess } = this.#launch;
    const namespaces = `/proc/${await firstProcess}/ns`;
    const asUser =
      user === undefined
        ? [`--user=${namespaces}/user`, "--preserve-credentials"]
        : ["--setuid", String(user), "--setgid", String(user)];
    const script = this.#connections === "one connection" ? ONE_CONNECTION : CONNECTION_PER_MESSAGE;
    const { nsenter, bash } = this.#programs;
    const child = spawn(
      nsenter,
      [`--net=${namespaces}/net`, ...asUser, "--", bash, "-c", script, "relay", String(this.#port)],
      { cwd: "/", env: { PATH, LC_ALL: "C" }, stdio: ["pipe", "pipe", "ignore"] },
    );
    const shell = new RelayShell(child);
    const ready = this.#connections === "one connection" ? shell.line() : undefined;
    try {
      await Promise.all([ready, child.pid === undefined ? undefined : group?.attach(child.pid)]);
      if (this.#isClosed) throw new Error("closed");
      return shell;
    } catch (error) {
      shell.kill();
      throw error;
    }
  }
}

/** The running shell and what it says, a line at a time. */
class RelayShell {
  readonly #child: ChildProcess;
  #waiting: { resolve: (line: string) => void; reject: (error: Error) => void } | undefined;
  #failure: Error | undefined;

  constructor(child: ChildProcess) {
    this.#child = child;
    const ended = (): void => {
      this.#failure = new Error("nobody listens");
      this.#waiting?.reject(this.#failure);
    };
    child.once("error", ended).once("exit", ended);
    child.stdin?.on("error", ended);
    if (child.stdout !== null)
      createInterface({ input: child.stdout }).on("line", (line) => this.#waiting?.resolve(line));
  }

  /** Resolves with the next line it says; rejects when it has ended. */
  line(): Promise<string> {
    if (this.#failure !== undefined) return Promise.reject(this.#failure);
    return new Promise((resolve, reject) => {
      this.#waiting = { resolve, reject };
    });
  }

  /** Resolves when the bytes are on their way. */
  write(message: Buffer): Promise<string> {
    if (this.#failure !== undefined) return Promise.reject(this.#failure);
    return new Promise((resolve, reject) => {
      this.#waiting = { resolve, reject };
      this.#child.stdin?.write(message, (error) => (error ? reject(error) : resolve("")));
    });
  }

  async exchange(message: Buffer): Promise<string> {
    const answered = this.line();
    this.#child.stdin?.write(`${message.length}\n`);
    this.#child.stdin?.write(message);
    const line = await answered;
    if (line === "refused") throw new Error("connection refused");
    return line.replace(/^answer /, "").replace(/\r$/, "");
  }

  kill(): void {
    this.#child.stdin?.destroy();
    this.#child.kill("SIGKILL");
  }
}
