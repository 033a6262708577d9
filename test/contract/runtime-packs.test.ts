/** Clients prepared for an interpreter: made once, made again when they are not whole, and never a reason not to start. */
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { cp, mkdir, mkdtemp, readdir, readFile, rm, stat, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { Script } from "node:vm";
import { discoverRuntimes } from "../../src/adapters/runtime-catalogue/discover-runtimes.ts";
import { RUNTIMES_DIRECTORY } from "../support/installed-runtimes.ts";

const scratch = await mkdtemp(join(tmpdir(), "lambent-packs-"));
after(() => rm(scratch, { recursive: true, force: true }));

/** Looks at the machine as a Lambent that starts; what stands at /var/runtime, and what went wrong. */
async function lookAround(directory: string, runtimesDirectory = RUNTIMES_DIRECTORY) {
  const failures: string[] = [];
  const catalogue = await discoverRuntimes({
    runtimesDirectory,
    nodeExecutable: process.execPath,
    lambentVersion: "0.0.0-test",
    environment: { PATH: "", HOME: scratch },
    packs: { directory, failed: (error) => failures.push(String(error)) },
  });
  const mounts = catalogue.find("nodejs24.x")?.program.mounts ?? [];
  const client = mounts.find(({ sandboxPath }) => sandboxPath === "/var/runtime")?.hostPath ?? "";
  return { client, failures };
}

/** What a pack for Node.js consists of. Compiled is only where it can be, and there it must be. */
const canCompile = process.arch === "x64" && existsSync("/usr/bin/cc");
const FILES = [
  "bootstrap.cjs",
  "client.cache",
  "client.js",
  "digest",
  "import-module.cjs",
  "rehearsal-function.cjs",
  "rehearsal-module.mjs",
  ...(canCompile ? ["zygote.node"] : []),
];

/** By V8. */
async function isTaken(client: string): Promise<boolean> {
  const source = await readFile(join(client, "client.js"), "latin1");
  const cachedData = await readFile(join(client, "client.cache"));
  return new Script(source, { cachedData }).cachedDataRejected === false;
}

const inode = async (path: string): Promise<number> => (await stat(path)).ino;

test("a pack is made once, and V8 takes its compiled code", async () => {
  const directory = join(scratch, "once");
  const { client, failures } = await lookAround(directory);
  assert.deepEqual(failures, []);
  assert.ok((await readdir(directory)).includes(client.slice(directory.length + 1)));
  assert.deepEqual((await readdir(client)).sort(), FILES);
  for (const path of [client, ...(await readdir(client)).map((name) => join(client, name))]) {
    assert.equal((await stat(path)).mode & 0o022, 0, path);
    assert.equal((await stat(path)).mode & 0o004, 0o004, path);
  }
  assert.equal(await isTaken(client), true);

  const before = await inode(client);
  assert.deepEqual(await lookAround(directory), { client, failures: [] });
  assert.equal(await inode(client), before);
});

test("a pack that is not whole is made again", async () => {
  const directory = join(scratch, "damaged");
  const { client } = await lookAround(directory);
  const whole = await readFile(join(client, "client.cache"));
  const damages: Record<string, () => Promise<void>> = {
    "a bit is another one": () => {
      const bytes = Buffer.from(whole);
      bytes.writeUInt8(bytes.readUInt8(5_000) ^ 1, 5_000);
      return writeFile(join(client, "client.cache"), bytes);
    },
    "the end is missing": () => writeFile(join(client, "client.cache"), whole.subarray(0, 100)),
    "a file is missing": () => rm(join(client, "client.js")),
    "a file is too much": () => writeFile(join(client, "more.js"), ""),
    "it was not finished": () => rm(join(client, "digest")),
    "it is a file": async () => {
      await rm(client, { recursive: true });
      await writeFile(client, "");
    },
  };
  for (const [damage, harm] of Object.entries(damages)) {
    await harm();
    const before = await inode(client);
    assert.deepEqual(await lookAround(directory), { client, failures: [] }, damage);
    assert.equal(await isTaken(client), true, damage);
    assert.notEqual(await inode(client), before, damage);
    assert.deepEqual((await readdir(client)).sort(), FILES, damage);
  }
});

test("without a place for packs the client's own files are taken", async () => {
  const directory = join(scratch, "a file");
  await writeFile(directory, "");
  const { client, failures } = await lookAround(directory);
  assert.equal(client, join(RUNTIMES_DIRECTORY, "nodejs"));
  assert.match(failures.join(), /ENOTDIR|EEXIST/);
});

test("a client that cannot be packed runs from its own files, and leaves nothing", async () => {
  const runtimesDirectory = join(scratch, "runtimes");
  const directory = join(scratch, "failing");
  await cp(join(RUNTIMES_DIRECTORY, "nodejs"), join(runtimesDirectory, "nodejs"), { recursive: true });
  await writeFile(join(runtimesDirectory, "nodejs", "errors.cjs"), "this is no JavaScript");
  const { client, failures } = await lookAround(directory, runtimesDirectory);
  assert.equal(client, join(runtimesDirectory, "nodejs"));
  assert.match(failures.join(), /SyntaxError/);
  assert.deepEqual(await readdir(directory), []);
});

test("another version of the client has another pack; what is not used any more is removed", async () => {
  const runtimesDirectory = join(scratch, "changed");
  const directory = join(scratch, "versions");
  const first = await lookAround(directory);
  await cp(join(RUNTIMES_DIRECTORY, "nodejs"), join(runtimesDirectory, "nodejs"), { recursive: true });
  const errors = join(runtimesDirectory, "nodejs", "errors.cjs");
  await writeFile(errors, `${await readFile(errors, "utf8")}\n`);
  // Of processes that are making packs, one has been at it for too long.
  await mkdir(join(directory, "x.unfinished-now"));
  await mkdir(join(directory, "x.unfinished-then"));
  await utimes(join(directory, "x.unfinished-then"), 0, 0);
  const second = await lookAround(directory, runtimesDirectory);
  assert.notEqual(second.client, first.client);
  const left = (await readdir(directory)).map((name) => join(directory, name));
  assert.ok(left.includes(second.client));
  assert.ok(left.includes(join(directory, "x.unfinished-now")));
  assert.ok(!left.includes(first.client) && !left.includes(join(directory, "x.unfinished-then")));
});

test("two that make it at the same time have the same", async () => {
  const directory = join(scratch, "together");
  const [one, other] = await Promise.all([lookAround(directory), lookAround(directory)]);
  assert.deepEqual(one, other);
  assert.deepEqual(one.failures, []);
  assert.deepEqual((await readdir(one.client)).sort(), FILES);
});
