import { chownSync, lstatSync, statfsSync } from "node:fs";
import { chmod, mkdir, open, rm, rmdir } from "node:fs/promises";
import { join } from "node:path";
import type { HelperAccess } from "./helper/helper-access.ts";
import { runCommand } from "./run-command.ts";
import type { UnprivilegedUser } from "./unprivileged-users.ts";

/** AWS: the size of /tmp unless the function asks for more. Volumes of this size are copies of one. */
export const USUAL_SIZE_MB = 512;
const MEBIBYTE = 1_048_576;
/** Volumes on which nothing was ever done are kept for other sandboxes, so many at most, */
const UNTOUCHED_MAX = 32;
/** and no longer than this: whoever is idle holds no mounts for it. */
const UNTOUCHED_KEPT_MS = 10_000;
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

interface UntouchedVolume {
  /** Its mount point. */
  readonly path: string;
  readonly keptSinceMs: number;
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
  readonly #helpers: Pick<HelperAccess, "now">;
  /** Volumes of the usual size that no sandbox has, and on which none has done anything; the oldest first. */
  readonly #untouched: UntouchedVolume[] = [];
  readonly #untouchedKeptMs: number;
  #nextDiscard: NodeJS.Timeout | undefined;
  #discarding: Promise<void> = Promise.resolve();
  /** File with an empty file system of the usual size. */
  #template: Promise<string> | undefined;
  #made = 0;

  private constructor(
    directories: ScratchDirectories,
    helpers: Pick<HelperAccess, "now">,
    untouchedKeptMs: number,
  ) {
    this.#directories = directories;
    this.#helpers = helpers;
    this.#untouchedKeptMs = untouchedKeptMs;
  }

  /** Where the files of a data directory's volumes are. */
  static filesIn(dataDirectory: string): string {
    return join(dataDirectory, "scratch");
  }

  /** Tries once; rejects where loop devices or mkfs.ext4 are not to be had. Removes files of an earlier run. */
  static async open(
    directories: ScratchDirectories,
    helpers: Pick<HelperAccess, "now">,
    untouchedKeptMs = UNTOUCHED_KEPT_MS,
  ): Promise<ScratchVolumes> {
    await rm(directories.files, { recursive: true, force: true });
    await mkdir(directories.files, { recursive: true, mode: 0o700 });
    const volumes = new ScratchVolumes(directories, helpers, untouchedKeptMs);
    volumes.#keep(await volumes.#makeByPrograms(USUAL_SIZE_MB));
    return volumes;
  }

  /** A volume that belongs to the user. */
  async take(sizeMb: number, user: UnprivilegedUser): Promise<ScratchVolume> {
    const untouched = sizeMb === USUAL_SIZE_MB ? this.#untouched.pop()?.path : undefined;
    const path = untouched ?? (await this.#make(sizeMb));
    chownSync(path, user, user);
    const given = traceOf(path);
    return { path, release: () => this.#release(path, sizeMb, given) };
  }

  async close(): Promise<void> {
    await this.#discarding;
    clearTimeout(this.#nextDiscard);
    await Promise.all(this.#untouched.splice(0).map(({ path }) => this.#discard(path)));
    await this.#template?.catch(() => undefined);
    await rm(this.#directories.files, { recursive: true, force: true });
  }

  async #make(sizeMb: number): Promise<string> {
    const helper = this.#helpers.now;
    if (helper === undefined || sizeMb !== USUAL_SIZE_MB) return this.#makeByPrograms(sizeMb);
    const path = join(this.#directories.mounts, `scratch-${this.#made++}`);
    try {
      this.#template ??= this.#makeTemplate();
      await helper.ask("volume", await this.#template, this.#directories.files, path, EXT4_OPTIONS);
      return path;
    } catch {
      // No files without a name here, or no device nodes.
      return this.#makeByPrograms(sizeMb);
    }
  }

  /** Whoever had it has ended. */
  async #release(path: string, sizeMb: number, given: string): Promise<void> {
    const mayKeep = sizeMb === USUAL_SIZE_MB && this.#untouched.length < UNTOUCHED_MAX;
    if (mayKeep && (await this.#isUntouched(path, given))) this.#keep(path);
    else await this.#discard(path);
  }

  #keep(path: string): void {
    this.#untouched.push({ path, keptSinceMs: performance.now() });
    this.#discardOldestIn(this.#untouchedKeptMs);
  }

  /** One after the other: unmounting takes processor time of those who work. */
  #discardOldestIn(delayMs: number): void {
    this.#nextDiscard ??= setTimeout(() => {
      this.#nextDiscard = undefined;
      const [oldest] = this.#untouched;
      if (oldest === undefined) return;
      const leftMs = oldest.keptSinceMs + this.#untouchedKeptMs - performance.now();
      if (leftMs > 0) return this.#discardOldestIn(leftMs);
      this.#untouched.shift();
      // One that cannot be unmounted goes with the driver's mount namespace.
      this.#discarding = this.#discard(oldest.path)
        .catch(() => undefined)
        .then(() => this.#discardOldestIn(0));
    }, delayMs).unref();
  }

  async #isUntouched(path: string, given: string): Promise<boolean> {
    const helper = this.#helpers.now;
    if (helper === undefined || traceOf(path) !== given) return false;
    return helper.ask("unchanged", path).then(
      () => true,
      () => false,
    );
  }

  async #discard(path: string): Promise<void> {
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

  async #makeByPrograms(sizeMb: number): Promise<string> {
    const name = `scratch-${this.#made++}`;
    const file = join(this.#directories.files, name);
    const path = join(this.#directories.mounts, name);
    try {
      await makeFileSystem(file, sizeMb);
      await mountEmpty(file, path);
    } finally {
      await rm(file, { force: true });
    }
    return path;
  }
}

/**
 * What nobody can do anything on a volume without changing: each entry that comes or goes, and each change of what its
 * root directory says of itself, changes that directory's time of change, which no program can set; what has no name,
 * or is still open, takes blocks or an inode. Before Linux 6.13 that time has steps of some milliseconds: what a step
 * could hide, and is not here either, the helper looks for.
 */
function traceOf(path: string): string {
  const { ino, mode, uid, gid, nlink, size, blocks, ctimeNs, mtimeNs } = lstatSync(path, { bigint: true });
  const { bfree, ffree } = statfsSync(path, { bigint: true });
  return [ino, mode, uid, gid, nlink, size, blocks, ctimeNs, mtimeNs, bfree, ffree].join();
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
