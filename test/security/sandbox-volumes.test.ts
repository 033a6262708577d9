/** A /tmp that one sandbox has had is another one's later only if nothing was ever done on it. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { chmodSync, lstatSync, mkdirSync, readdirSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { compiledHelper } from "../../src/adapters/sandbox-bubblewrap/helper/compile-helper.ts";
import { SandboxHelper } from "../../src/adapters/sandbox-bubblewrap/helper/sandbox-helper.ts";
import { enterPrivateMountNamespace } from "../../src/adapters/sandbox-bubblewrap/private-mount-namespace.ts";
import { findProgram } from "../../src/adapters/sandbox-bubblewrap/programs.ts";
import { ScratchVolumes, USUAL_SIZE_MB } from "../../src/adapters/sandbox-bubblewrap/scratch-volumes.ts";
import { canIsolate } from "../support/sandboxes.ts";
import { skipUnless } from "../support/skip.ts";

enterPrivateMountNamespace(process.argv.slice(1));

const python = (source: string, path: string): void =>
  void execFileSync("/usr/bin/python3", ["-c", `import fcntl, os, sys\npath = sys.argv[1]\n${source}`, path]);

/** What a function could do on its /tmp. */
const TOUCHES: Readonly<Record<string, (path: string) => void>> = {
  "a file that stays": (path) => writeFileSync(join(path, "left"), "of a function"),
  "a file that is removed again": (path) => {
    writeFileSync(join(path, "removed"), "of a function");
    rmSync(join(path, "removed"));
  },
  "a directory that is removed again": (path) => {
    mkdirSync(join(path, "removed"));
    rmSync(join(path, "removed"), { recursive: true });
  },
  "another mode, taken back": (path) => {
    chmodSync(path, 0o700);
    chmodSync(path, 0o1777);
  },
  "other times": (path) => utimesSync(path, 1, 1),
  "an attribute": (path) => python('os.setxattr(path, "user.note", b"of a function")', path),
  // FS_IOC_SETFLAGS with FS_NODUMP_FL.
  "a flag": (path) =>
    python('fcntl.ioctl(os.open(path, os.O_RDONLY), 0x40086602, (0x40).to_bytes(8, "little"))', path),
};

/** Undefined, with the test skipped, where there are none. */
async function openVolumes(
  t: TestContext,
  untouchedKeptMs?: number,
): Promise<{ readonly volumes: ScratchVolumes; readonly mounts: string } | undefined> {
  const compiler = findProgram("cc");
  if (!skipUnless(t, compiler !== undefined, "there is no helper", "install a C compiler")) return undefined;
  const directory = await mkdtemp(join(tmpdir(), "lambent-volumes-test-"));
  const mounts = join(directory, "mounts");
  mkdirSync(mounts);
  const programs = await compiledHelper(compiler ?? "", join(directory, "cache"));
  const helper = await SandboxHelper.start(programs, directory, join(directory, "channels"));
  const directories = { files: join(directory, "files"), mounts };
  const volumes = await ScratchVolumes.open(directories, { now: helper }, untouchedKeptMs).catch(
    () => undefined,
  );
  t.after(async () => {
    await volumes?.close();
    helper.close();
    assert.deepEqual(readdirSync(mounts), [], "nothing stays mounted");
    await rm(directory, { recursive: true, force: true });
  });
  const has = skipUnless(
    t,
    volumes !== undefined,
    "no volumes here",
    "run it with loop devices and mkfs.ext4",
  );
  return has && volumes !== undefined ? { volumes, mounts } : undefined;
}

test("a volume that a sandbox has had", async (t) => {
  const opened = canIsolate(t) ? await openVolumes(t) : undefined;
  if (opened === undefined) return;
  const { volumes } = opened;
  await t.test("is given to another user where nothing was done on it", async () => {
    const first = await volumes.take(USUAL_SIZE_MB, 70_001);
    await first.release();
    const second = await volumes.take(USUAL_SIZE_MB, 70_002);
    assert.equal(second.path, first.path);
    assert.equal(lstatSync(second.path).uid, 70_002);
    assert.equal(lstatSync(second.path).mode & 0o7777, 0o1777);
    await second.release();
  });
  for (const [what, touch] of Object.entries(TOUCHES))
    await t.test(`is given to nobody with ${what}`, async () => {
      const first = await volumes.take(USUAL_SIZE_MB, 70_001);
      touch(first.path);
      await first.release();
      const second = await volumes.take(USUAL_SIZE_MB, 70_002);
      assert.notEqual(second.path, first.path);
      assert.deepEqual(readdirSync(second.path), []);
      await second.release();
    });
});

test("volumes that nobody took for a while are unmounted", async (t) => {
  const opened = canIsolate(t) ? await openVolumes(t, 200) : undefined;
  if (opened === undefined) return;
  const { volumes, mounts } = opened;
  const taken = await Promise.all([70_001, 70_002, 70_003].map((user) => volumes.take(USUAL_SIZE_MB, user)));
  const [kept, ...released] = taken;
  await Promise.all(released.map((volume) => volume.release()));
  const deadlineMs = performance.now() + 10_000;
  while (readdirSync(mounts).length > 1 && performance.now() < deadlineMs) await delay(50);
  assert.deepEqual(
    readdirSync(mounts).map((name) => join(mounts, name)),
    [kept?.path],
    "a sandbox keeps its own",
  );
  await kept?.release();
});
