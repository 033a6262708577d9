import { type ChildProcess, spawn } from "node:child_process";

const PATH = "/usr/sbin:/usr/bin:/sbin:/bin";
/** A command that is always answered; its answer says that all before it have been carried out. */
const MARK = "link show dev lo\n";
const MARK_ANSWER = /^\d+: lo: .*\n\s+link\/loopback.*\n/m;

/** iproute2's `ip`, kept running: a command costs a third of a millisecond instead of a process. */
export class IpCommands {
  readonly #child: ChildProcess;
  readonly #waiting: { resolve: () => void; reject: (reason: Error) => void }[] = [];
  #text = "";
  #ended = false;

  constructor() {
    // One stream for answers and errors, so that their order is kept. It ends with its input, thus with this process.
    this.#child = spawn("/bin/sh", ["-c", "exec ip -force -batch - 2>&1"], {
      cwd: "/",
      env: { PATH, LC_ALL: "C" },
      stdio: ["pipe", "pipe", "ignore"],
    });
    this.#child.stdout?.setEncoding("utf8").on("data", (text: string) => this.#receive(text));
    this.#child.stdin?.on("error", () => {});
    this.#child.once("error", (error) => this.#end(error));
    this.#child.once("exit", () => this.#end(new Error("ip has ended")));
  }

  /** Carries out commands, each without the leading `ip`. Rejects with what `ip` says when one of them fails. */
  run(commands: readonly string[]): Promise<void> {
    return new Promise((resolve, reject) => {
      if (this.#ended) return reject(new Error("ip has ended"));
      this.#waiting.push({ resolve, reject });
      this.#child.stdin?.write(`${commands.join("\n")}\n${MARK}`);
    });
  }

  close(): void {
    this.#child.stdin?.end();
  }

  #receive(text: string): void {
    this.#text += text;
    for (;;) {
      const answer = MARK_ANSWER.exec(this.#text);
      if (answer === null) return;
      const said = this.#text.slice(0, answer.index).trim();
      this.#text = this.#text.slice(answer.index + answer[0].length);
      const next = this.#waiting.shift();
      if (said === "") next?.resolve();
      else next?.reject(new Error(`ip: ${said.replaceAll(/\s*\n/g, "; ")}`));
    }
  }

  #end(reason: Error): void {
    this.#ended = true;
    for (const { reject } of this.#waiting.splice(0)) reject(reason);
  }
}
