import { existsSync, readdirSync, readFileSync } from "node:fs";
import { chmod, mkdir, readFile, rm, rmdir, symlink, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { runCommand } from "./run-command.ts";

/** The user inside the sandbox. AWS: as `id` and /etc/passwd in its environments say. */
export const SANDBOX_USER = { name: "sbx_user1051", uid: 993, gid: 990 } as const;
/** AWS: hostnames there are the address of the environment's link. */
export const SANDBOX_HOST_NAME = "169-254-100-1";

const RESOLVER_FILE = "resolv.conf";

const SYNTHESIZED_FILES: Readonly<Record<string, string>> = {
  passwd: `root:x:0:0:root:/root:/bin/bash\n${SANDBOX_USER.name}:x:${SANDBOX_USER.uid}:${SANDBOX_USER.gid}::/home/${SANDBOX_USER.name}:/sbin/nologin\nnobody:x:65534:65534:Nobody:/:/sbin/nologin\n`,
  group: `root:x:0:\nsbx_user:x:${SANDBOX_USER.gid}:\nnobody:x:65534:\n`,
  // AWS: extensions listen on, and name, the last two for what they have subscribed to (Telemetry API).
  hosts: `127.0.0.1 localhost ${SANDBOX_HOST_NAME} sandbox.localdomain sandbox\n`,
  hostname: `${SANDBOX_HOST_NAME}\n`,
  // Without an address the resolver asks the loopback interface, where nobody answers: names fail at once.
  [RESOLVER_FILE]: "options timeout:1 attempts:1\n",
  "nsswitch.conf":
    "passwd: files\ngroup: files\nshadow: files\nhosts: files dns\nservices: files\nprotocols: files\n",
  "host.conf": "multi on\n",
};

/** Tables that say nothing about this machine. */
const COPIED_FILES = ["ld.so.cache", "services", "protocols", "mime.types"];
/** Certificates, fonts and the links by which Debian finds its programs; shown as they are. */
const SHOWN_DIRECTORIES = ["ssl/certs", "pki/tls/certs", "pki/ca-trust/extracted", "alternatives", "fonts"];

/**
 * The driver's own directory on the host. What sandboxes may look up by path lies here, because their users cannot
 * pass through the directories of others: with mounting, this is a small tmpfs at /run that ends with the mount
 * namespace; without, a directory of the instance.
 */
export class Workspace {
  readonly directory: string;
  /** Directories of the host's /etc that are to be mounted upon `etc`. */
  readonly etcMounts: readonly string[];
  readonly #mounted: boolean;

  private constructor(directory: string, etcMounts: readonly string[], mounted: boolean) {
    this.directory = directory;
    this.etcMounts = etcMounts;
    this.#mounted = mounted;
  }

  static async open(directory: string, mounting: boolean): Promise<Workspace> {
    if (!mounting) await rm(directory, { recursive: true, force: true });
    await makeDirectory(directory, 0o711);
    if (mounting)
      await runCommand("mount", "-t", "tmpfs", "-o", "mode=0711,nosuid,nodev,size=64m", "lambent", directory);
    // Debian keeps the settings of each Java there.
    const java = readdirSync("/etc").filter((name) => name.startsWith("java-"));
    const etcMounts = [...SHOWN_DIRECTORIES, ...java].filter((name) => existsSync(join("/etc", name)));
    const workspace = new Workspace(directory, etcMounts, mounting);
    await workspace.#writeEtc();
    for (const path of [workspace.pipes, workspace.mounts, workspace.volumes])
      await makeDirectory(path, 0o711);
    if (mounting) await workspace.#makeMountPoints();
    return workspace;
  }

  get etc(): string {
    return join(this.directory, "etc");
  }

  /** Named pipes stand here until both ends are open. */
  get pipes(): string {
    return join(this.directory, "pipes");
  }

  /** Mount points of what many sandboxes may show. */
  get mounts(): string {
    return join(this.directory, "mounts");
  }

  /** Mount points of what one sandbox each has as /tmp. */
  get volumes(): string {
    return join(this.directory, "volumes");
  }

  /** Has sandboxes ask these name servers. */
  async nameServers(addresses: readonly string[]): Promise<void> {
    if (addresses.length === 0) return;
    const text = addresses.map((address) => `nameserver ${address}\n`).join("");
    await writePublicFile(join(this.etc, RESOLVER_FILE), text);
  }

  async close(): Promise<void> {
    await Workspace.remove(this.directory, this.#mounted);
  }

  /** Also of one that somebody else has opened in this mount namespace, and of one that is not there. */
  static async remove(directory: string, mounting: boolean): Promise<void> {
    if (!mounting) return rm(directory, { recursive: true, force: true });
    // What is mounted below belongs to others: nothing there may be removed by its name.
    const mounts = readFileSync("/proc/self/mountinfo", "latin1").split("\n");
    if (mounts.some((mount) => mount.split(" ")[4] === directory))
      await runCommand("umount", "--recursive", "--lazy", directory);
    await rmdir(directory).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== "ENOENT") throw error;
    });
  }

  /** A bwrap that waits in a namespace of its own sees what is mounted later; it can leave all volumes at once. */
  async #makeMountPoints(): Promise<void> {
    await runCommand("mount", "--bind", "--make-shared", this.mounts, this.mounts);
    await runCommand("mount", "--bind", this.volumes, this.volumes);
  }

  async #writeEtc(): Promise<void> {
    await makeDirectory(this.etc, 0o755);
    for (const [name, text] of Object.entries(SYNTHESIZED_FILES))
      await writePublicFile(join(this.etc, name), text);
    for (const name of COPIED_FILES.filter((file) => existsSync(join("/etc", file))))
      await writePublicFile(join(this.etc, name), await readFile(join("/etc", name)));
    for (const name of this.etcMounts) await makeDirectory(join(this.etc, name), 0o755);
    await symlink("/usr/share/zoneinfo/UTC", join(this.etc, "localtime"));
    await symlink("../usr/lib/os-release", join(this.etc, "os-release"));
  }
}

/** With exactly this mode, whatever the umask is. */
async function makeDirectory(path: string, mode: number): Promise<void> {
  const first = await mkdir(path, { recursive: true });
  for (let made = path; first !== undefined && made.length >= first.length; made = dirname(made))
    await chmod(made, mode);
  await chmod(path, mode);
}

async function writePublicFile(path: string, content: string | Uint8Array): Promise<void> {
  await writeFile(path, content);
  await chmod(path, 0o644);
}
