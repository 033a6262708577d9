import { chmod, chown, mkdir, open, rm, rmdir } from "node:fs/promises";
import { join } from "node:path";
import type { HelperAccess } from "./helper/helper-access.ts";
import { runCommand } from "./run-command.ts";
import type { UnprivilegedUser } from "./unprivileged-users.ts";

/** AWS: the size of /tmp unless the function asks for more. Volumes of this size are copies of one. */
export const USUAL_SIZE_MB = 512;
const MEBIBYTE = 1_048_576;
const BLOCK_BYTES = 4_096;
/** One inode of 256 bytes for so much space, as mkfs.ext4 does for disks. */
const BYTES_PER_INODE = 16_384;
/** What the file system needs for itself: inode tables, bitmaps, and the blocks that ext4 holds back for its own use. */
const OVERHEAD = 1 / 58;
const OVERHEAD_MB = 2;
const HELD_BACK = 0.02;
const HELD_BACK_MB_MAX = 16;
/** No journal: the volume never outlives its sandbox, let alone a crash. */
const MAKE_FILE_SYSTEM = [
  ["-q"],
  ["-F"],
  ["-T", "default"],
  ["-b", String(BLOCK_BYTES)],
  ["-i", String(BYTES_PER_INODE)],
  ["-m", "0"],
  ["-O", "^has_journal,^resize_inode"],
  ["-E", "lazy_itable_init=1,nodiscard"],
].flat();
/**
 * Inode tables are left as the holes they are; blocks of deleted files go back to the host's disk. Nothing waits for
 * that disk: what is on the volume is not there to outlive anything.
 */
const EXT4_OPTIONS = "noinit_itable,discard,nobarrier";
const MOUNT_OPTIONS = `loop,nosuid,nodev,noatime,${EXT4_OPTIONS}`;

/** A /tmp of limited size on disk. */
export interface ScratchVolume {
  /** Where it is mounted on the host. */
  readonly path: string;
  /** Unmounts it and gives its disk space back. */
  release(): Promise<void>;
}

export interface ScratchDirectories {
  /** Held by this driver alone. */
  readonly files: string;
  /** Mount points lie here. */
  readonly mounts: string;
}

/**
 * Makes the disk-backed /tmp of sandboxes: an ext4 file system in a sparse file, mounted through a loop device in
 * the driver's mount namespace. A tmpfs would charge its pages to the function's memory limit. The file is unlinked
 * once mounted and the kernel frees the device with the mount, so nothing is left however this process ends.
 */
export class ScratchVolumes {
  readonly #directories: ScratchDirectories;
  readonly #helpers: HelperAccess;
  /** Made to see whether it can be done. */
  #first: ScratchVolume | undefined;
  /** File with an empty file system of the usual size. */
  #template: Promise<string> | undefined;
  #made = 0;

  private constructor(directories: ScratchDirectories, helpers: HelperAccess) {
    this.#directories = directories;
    this.#helpers = helpers;
  }

  /** Where the files of a data directory's volumes are. */
  static filesIn(dataDirectory: string): string {
    return join(dataDirectory, "scratch");
  }

  /** Tries once; rejects where loop devices or mkfs.ext4 are not to be had. Removes files of an earlier run. */
  static async open(directories: ScratchDirectories, helpers: HelperAccess): Promise<ScratchVolumes> {
    await rm(directories.files, { recursive: true, force: true });
    await mkdir(directories.files, { recursive: true, mode: 0o700 });
    const volumes = new ScratchVolumes(directories, helpers);
    volumes.#first = await volumes.#makeByPrograms(USUAL_SIZE_MB);
    return volumes;
  }

  /** A volume that belongs to the user. */
  async take(sizeMb: number, user: UnprivilegedUser): Promise<ScratchVolume> {
    const first = sizeMb === USUAL_SIZE_MB ? this.#first : undefined;
    if (first !== undefined) this.#first = undefined;
    const volume = first ?? (await this.#make(sizeMb));
    await chown(volume.path, user, user);
    return volume;
  }

  async close(): Promise<void> {
    await this.#first?.release();
    await this.#template?.catch(() => undefined);
    await rm(this.#directories.files, { recursive: true, force: true });
  }

  async #make(sizeMb: number): Promise<ScratchVolume> {
    const helper = this.#helpers.now;
    if (helper === undefined || sizeMb !== USUAL_SIZE_MB) return this.#makeByPrograms(sizeMb);
    const path = join(this.#directories.mounts, `scratch-${this.#made++}`);
    try {
      this.#template ??= this.#makeTemplate();
      await helper.ask("volume", await this.#template, this.#directories.files, path, EXT4_OPTIONS);
      return { path, release: () => this.#release(path) };
    } catch {
      // No files without a name here, or no device nodes.
      return this.#makeByPrograms(sizeMb);
    }
  }

  async #release(path: string): Promise<void> {
    const helper = this.#helpers.now;
    if (helper !== undefined) return void (await helper.ask("discard", path));
    await runCommand("umount", path);
    await rmdir(path);
  }

  async #makeTemplate(): Promise<string> {
    const file = join(this.#directories.files, "template");
    const path = join(this.#directories.mounts, "template");
    await makeFileSystem(file, USUAL_SIZE_MB);
    await mountEmpty(file, path);
    await runCommand("umount", path);
    await rmdir(path);
    return file;
  }

  async #makeByPrograms(sizeMb: number): Promise<ScratchVolume> {
    const name = `scratch-${this.#made++}`;
    const file = join(this.#directories.files, name);
    const path = join(this.#directories.mounts, name);
    try {
      await makeFileSystem(file, sizeMb);
      await mountEmpty(file, path);
    } finally {
      await rm(file, { force: true });
    }
    return { path, release: () => this.#release(path) };
  }
}

async function makeFileSystem(file: string, sizeMb: number): Promise<void> {
  await makeSparseFile(file, fileBytes(sizeMb));
  await runCommand("mkfs.ext4", ...MAKE_FILE_SYSTEM, file);
}

/** Mounts a new file system, for everybody to write to. */
async function mountEmpty(file: string, path: string): Promise<void> {
  await mkdir(path);
  await runCommand("mount", "-t", "ext4", "-o", MOUNT_OPTIONS, file, path);
  await rmdir(join(path, "lost+found"));
  await chmod(path, 0o1777);
}

/** Of the file whose file system has at least the wanted size free. */
function fileBytes(sizeMb: number): number {
  const heldBackMb = Math.min(sizeMb * HELD_BACK, HELD_BACK_MB_MAX);
  return Math.ceil(sizeMb * (1 + OVERHEAD) + OVERHEAD_MB + heldBackMb) * MEBIBYTE;
}

async function makeSparseFile(path: string, sizeBytes: number): Promise<void> {
  const file = await open(path, "wx", 0o600);
  try {
    await file.truncate(sizeBytes);
  } finally {
    await file.close();
  }
}
