import { chmod, chown, mkdir, open, rm, rmdir } from "node:fs/promises";
import { join } from "node:path";
import { runCommand } from "./run-command.ts";
import type { UnprivilegedUser } from "./unprivileged-users.ts";

/** AWS: the size of /tmp unless the function asks for more. Only this size is kept in reserve. */
const USUAL_SIZE_MB = 512;
const RESERVE = 2;
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
/** Inode tables are left as the holes they are; blocks of deleted files go back to the host's disk. */
const MOUNT_OPTIONS = "loop,nosuid,nodev,noatime,noinit_itable,discard";

/** A /tmp of limited size on disk. */
export interface ScratchVolume {
  /** Where it is mounted on the host. */
  readonly path: string;
  /** Unmounts it and gives its disk space back. */
  release(): Promise<void>;
}

/**
 * Makes the disk-backed /tmp of sandboxes: an ext4 file system in a sparse file, mounted through a loop device in
 * the driver's mount namespace. A tmpfs would charge its pages to the function's memory limit. The file is unlinked
 * once mounted and the kernel frees the device with the mount, so nothing is left however this process ends.
 */
export class ScratchVolumes {
  readonly #filesDirectory: string;
  readonly #mountsDirectory: string;
  readonly #reserve: Promise<ScratchVolume>[] = [];
  #made = 0;
  #closed = false;

  private constructor(filesDirectory: string, mountsDirectory: string) {
    this.#filesDirectory = filesDirectory;
    this.#mountsDirectory = mountsDirectory;
  }

  /** Tries once; rejects where loop devices or mkfs.ext4 are not to be had. Removes files of an earlier run. */
  static async open(filesDirectory: string, mountsDirectory: string): Promise<ScratchVolumes> {
    await rm(filesDirectory, { recursive: true, force: true });
    await mkdir(filesDirectory, { recursive: true, mode: 0o700 });
    const volumes = new ScratchVolumes(filesDirectory, mountsDirectory);
    volumes.#reserve.push(Promise.resolve(await volumes.#make(USUAL_SIZE_MB)));
    return volumes;
  }

  /** A volume that belongs to the user. */
  async take(sizeMb: number, user: UnprivilegedUser): Promise<ScratchVolume> {
    const ready = sizeMb === USUAL_SIZE_MB ? this.#reserve.shift() : undefined;
    const volume = await (ready ?? this.#make(sizeMb));
    await chown(volume.path, user, user);
    return volume;
  }

  async close(): Promise<void> {
    this.#closed = true;
    for (const prepared of await Promise.allSettled(this.#reserve.splice(0)))
      if (prepared.status === "fulfilled") await prepared.value.release();
    await rm(this.#filesDirectory, { recursive: true, force: true });
  }

  /** Prepares volumes of the usual size in the background. */
  refill(): void {
    while (!this.#closed && this.#reserve.length < RESERVE) {
      const next = this.#make(USUAL_SIZE_MB);
      this.#reserve.push(next);
      // Whoever takes it gets the failure; this is only to have it handled until then.
      next.catch(() => {});
    }
  }

  async #make(sizeMb: number): Promise<ScratchVolume> {
    const name = `scratch-${this.#made++}`;
    const file = join(this.#filesDirectory, name);
    const path = join(this.#mountsDirectory, name);
    const release = async (): Promise<void> => {
      await runCommand("umount", path);
      await rmdir(path);
    };
    try {
      await makeSparseFile(file, fileBytes(sizeMb));
      await runCommand("mkfs.ext4", ...MAKE_FILE_SYSTEM, file);
      await mkdir(path);
      await runCommand("mount", "-t", "ext4", "-o", MOUNT_OPTIONS, file, path);
    } finally {
      await rm(file, { force: true });
    }
    await rmdir(join(path, "lost+found"));
    await chmod(path, 0o1777);
    return { path, release };
  }
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
