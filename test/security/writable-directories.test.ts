import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdir, mkdtemp, readdir, rename, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { pathOf, WritableDirectories } from "../../src/adapters/sandbox-bubblewrap/writable-directories.ts";
import { skipUnless } from "../support/skip.ts";

/** A function that writes to the outer directory moves what lies in it, at any moment. */
describe("a directory that functions write to, in another one", () => {
  let directory: string;
  let outer: string;
  let inner: string;
  let directories: WritableDirectories;
  before(async () => {
    directory = await mkdtemp(join(tmpdir(), "lambent-writable-"));
    outer = join(directory, "outer");
    inner = join(outer, "teams/inner");
    await mkdir(inner, { recursive: true });
    await writeFile(join(inner, "own"), "");
    directories = new WritableDirectories([inner, outer]);
  });
  after(() => rm(directory, { recursive: true, force: true }));

  test("is the one that was found, when another has its name by then", async (t) => {
    const { handle } = await directories.find(inner);
    assert.ok(handle !== undefined);
    await rename(inner, `${inner}-before`);
    await symlink("/", inner);
    assert.deepEqual(await readdir(pathOf(handle)), ["own"]);
    if (skipUnless(t, process.getuid?.() === 0, "only root mounts", "run it as root")) {
      const target = join(directory, "target");
      await mkdir(target);
      execFileSync("mount", ["--no-canonicalize", "--bind", "-o", "ro,nosuid,nodev", pathOf(handle), target]);
      const shown = await readdir(target);
      execFileSync("umount", [target]);
      assert.deepEqual(shown, ["own"]);
    }
    await handle.close();
    await assert.rejects(directories.find(inner), /is a link in a directory that functions may write to/);
    await rm(inner);
    await rename(`${inner}-before`, inner);
  });

  test("is found by another name, and not through what lies in the outer one", async () => {
    const alias = join(directory, "alias");
    await symlink(outer, alias);
    const { path, handle } = await directories.find(join(alias, "teams/inner"));
    assert.equal(path, inner);
    await handle?.close();
    await rename(join(outer, "teams"), join(outer, "moved"));
    await symlink("moved", join(outer, "teams"));
    for (const name of [inner, join(alias, "teams/inner")])
      await assert.rejects(directories.find(name), /is a link/);
    assert.deepEqual(await directories.find(alias), { path: outer, handle: undefined });
  });
});
