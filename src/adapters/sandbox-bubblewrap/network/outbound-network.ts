import { type ChildProcess, spawn } from "node:child_process";
import { closeSync } from "node:fs";
import type { HelperAccess } from "../helper/helper-access.ts";
import type { SandboxHelper } from "../helper/sandbox-helper.ts";
import { type InsideProcess, openNetworkNamespace } from "../network-namespace.ts";
import type { AddressBlock } from "./address-block.ts";
import { forwards, setForwarding } from "./forwarding.ts";
import type { IpCommands } from "./ip-commands.ts";

const PATH = "/usr/sbin:/usr/bin:/sbin:/bin";
const INSIDE_NAME = "eth0";

/** The parts of an open network. */
export interface OutboundNetworkParts {
  readonly ip: IpCommands;
  readonly block: AddressBlock;
  readonly interfacePrefix: string;
  readonly mtu: number;
  /** `nsenter` of util-linux. */
  readonly nsenter: string;
  /** What a sandbox has as /etc/resolv.conf says these. */
  readonly nameServers: readonly string[];
  /** Takes back what was changed on the host. Called once, when no sandbox is left. */
  readonly close: () => Promise<void>;
}

/** A sandbox's way out, with an address that no other living sandbox has. */
export interface SandboxLink {
  /**
   * Puts an interface into the network namespace of a sandbox's first process, which must not be this process's own.
   * The interface ends with the namespace.
   */
  connect(inside: InsideProcess): Promise<void>;
  /** Gives the address back; the namespace must be gone. */
  release(): void;
}

/** Connects sandboxes to the networks of the host, by a pair of interfaces each. */
export class OutboundNetwork {
  readonly #parts: OutboundNetworkParts;
  readonly #free: number[] = [];
  #used = 0;

  constructor(parts: OutboundNetworkParts) {
    this.#parts = parts;
  }

  get nameServers(): readonly string[] {
    return this.#parts.nameServers;
  }

  /** With the helper, the interface is made without a start of a program in this process. */
  newLink(helpers?: HelperAccess): SandboxLink {
    const slot = this.#takeSlot();
    let released = false;
    return {
      connect: (inside) => this.#connect(slot, openNetworkNamespace(inside), helpers?.now),
      release: () => {
        if (!released) this.#free.push(slot);
        released = true;
      },
    };
  }

  close(): Promise<void> {
    return this.#parts.close();
  }

  /** New ones first, then those longest free: the kernel takes a moment to remove an interface. */
  #takeSlot(): number {
    if (this.#used < this.#parts.block.size) return this.#used++;
    const slot = this.#free.shift();
    if (slot === undefined)
      throw new Error(`all ${this.#parts.block.size} addresses for sandboxes are in use`);
    return slot;
  }

  async #connect(slot: number, namespace: number, helper: SandboxHelper | undefined): Promise<void> {
    const { ip, block, interfacePrefix, mtu } = this.#parts;
    const name = `${interfacePrefix}v${slot.toString(16)}`;
    const address = block.address(slot);
    try {
      if (helper === undefined) {
        // Made from inside, by a process that ends: `ip -batch` keeps every namespace that it is given by path open, and
        // the one that is kept running would hold the namespaces of all sandboxes that have ever been.
        await this.#configureInside(namespace, [
          `link add name ${INSIDE_NAME} mtu ${mtu} type veth peer name ${name} mtu ${mtu} netns ${process.pid}`,
          `link set dev ${INSIDE_NAME} addrgenmode none`,
          `address add ${address} peer ${block.gateway} dev ${INSIDE_NAME}`,
          `link set dev ${INSIDE_NAME} up`,
          `route add default via ${block.gateway} dev ${INSIDE_NAME}`,
        ]);
        await ip.run([
          `link set dev ${name} addrgenmode none`,
          `address add ${block.gateway} peer ${address} dev ${name}`,
          `link set dev ${name} up`,
        ]);
        if (!forwards(name)) setForwarding(name, true);
      } else {
        // The same, asked of the kernel: what `ip` and a file of /proc take, this process waits for.
        const pair = [String(namespace), INSIDE_NAME, name, String(mtu)];
        await helper.ask("link", ...pair, address, block.gateway);
      }
    } finally {
      closeSync(namespace);
    }
  }

  #configureInside(namespace: number, commands: readonly string[]): Promise<void> {
    const child = spawn(this.#parts.nsenter, ["--net=/proc/self/fd/3", "--", "ip", "-batch", "-"], {
      cwd: "/",
      env: { PATH, LC_ALL: "C" },
      stdio: ["pipe", "ignore", "pipe", namespace],
    });
    child.stdin?.on("error", () => {});
    child.stdin?.end(`${commands.join("\n")}\n`);
    return succeeded(child);
  }
}

function succeeded(child: ChildProcess): Promise<void> {
  return new Promise((resolve, reject) => {
    let said = "";
    child.stderr?.setEncoding("utf8").on("data", (text: string) => {
      said += text;
    });
    child.once("error", reject);
    child.once("close", (code) => {
      if (code === 0) resolve();
      else reject(new Error(`ip, inside the sandbox: ${said.trim() || `exit status ${code}`}`));
    });
  });
}
