/** What interpreters archive of themselves: made when a runtime is asked for, made again when it is not whole or another's. */
import assert from "node:assert/strict";
import { copyFile, mkdir, mkdtemp, readdir, readFile, rm, stat, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { discoverRuntimes } from "../../src/adapters/runtime-catalogue/discover-runtimes.ts";
import type { MachineRuntimes } from "../../src/adapters/runtime-catalogue/machine-runtimes.ts";

const LIMIT = { timeout: 30_000 };
const scratch = await mkdtemp(join(tmpdir(), "lambent-archives-"));
after(() => rm(scratch, { recursive: true, force: true }));

/** A shell stands for an interpreter, with a client that tells what it is, or writes an archive and that it has. */
const INTERPRETER = join(scratch, "bin/tongue");
const INTERPRETED = join(scratch, "interpreted");
const client = (write: string): string => `
if [ "$1" = facts ]; then echo '{"version":"2.0.0","executable":"${INTERPRETER}"}'; exit; fi
echo run >> ${INTERPRETED}
${write}
`;
const WRITES = 'echo "archive of $WORD" > "$1"';
const RUNTIMES = join(scratch, "runtimes");
const CLIENT = join(RUNTIMES, "tongue");
await mkdir(CLIENT, { recursive: true });
await mkdir(join(scratch, "bin"));
await copyFile("/bin/sh", INTERPRETER);
await writeFile(
  join(CLIENT, "manifest.json"),
  JSON.stringify({
    runtimes: [
      { identifier: "tongue2", line: "2" },
      { identifier: "tongue2.other", line: "2.0" },
    ],
    managed: true,
    interpreter: {
      preferOwnNode: false,
      names: ["tongue"],
      directories: [],
      probe: [join(CLIENT, "client"), "facts"],
    },
    command: ["{interpreter}"],
    mounts: [],
    environmentVariables: {},
    archive: {
      lines: ["2"],
      command: ["{executable}", "{runtimes}/tongue/client", "{directory}/classes"],
      environmentVariables: { WORD: "words" },
      needs: "a better tongue",
      file: "classes",
      sandbox: "/var/archive",
    },
    install: [],
  }),
);

async function setUp(write = WRITES): Promise<void> {
  await rm(INTERPRETED, { force: true });
  await writeFile(join(CLIENT, "client"), client(write));
}

const timesRun = async (): Promise<number> =>
  (await readFile(INTERPRETED, "utf8").catch(() => "")).split("run").length - 1;

interface Machine {
  readonly runtimes: MachineRuntimes;
  readonly failures: string[];
  /** What sandboxes show. */
  readonly shown: string;
}

/** As a Lambent does that starts. */
async function lookAround(directory: string): Promise<Machine> {
  const failures: string[] = [];
  const runtimes = await discoverRuntimes({
    runtimesDirectory: RUNTIMES,
    nodeExecutable: process.execPath,
    lambentVersion: "0.0.0-test",
    environment: { PATH: join(scratch, "bin"), HOME: scratch },
    packs: { directory, failed: (error) => failures.push(String(error)) },
  });
  // Nothing is asked for by this.
  const listed = runtimes.list().find(({ identifier }) => identifier === "tongue2");
  const mount = listed?.program.mounts.find(({ sandboxPath }) => sandboxPath === "/var/archive");
  return { runtimes, failures, shown: mount?.hostPath ?? "" };
}

/** Asks for the runtime, and waits until its archive is there, or cannot be made. */
async function ask({ runtimes, failures, shown }: Machine, directory: string): Promise<void> {
  runtimes.find("tongue2");
  for (let isThere = false; !isThere && failures.length === 0; await delay(10)) {
    const isMaking = (await readdir(directory)).some((name) => name.includes("unfinished"));
    const names = await readdir(shown);
    // The digest of one that is gone may still be there.
    isThere = !isMaking && names.includes("classes") && names.includes("digest");
  }
}

const archive = (shown: string): Promise<string> => readFile(join(shown, "classes"), "utf8");

test("an archive is made when its runtime is asked for, and once", LIMIT, async () => {
  await setUp();
  const directory = join(scratch, "once");
  const first = await lookAround(directory);
  assert.deepEqual(await readdir(first.shown), []);
  assert.equal(first.runtimes.find("tongue2.other")?.program.mounts.length, 1);
  assert.equal(await timesRun(), 0);
  await ask(first, directory);
  assert.equal(await archive(first.shown), "archive of words\n");
  assert.equal((await stat(join(first.shown, "classes"))).mode & 0o777, 0o444);
  assert.equal((await stat(first.shown)).mode & 0o777, 0o755);
  await ask(first, directory);
  const second = await lookAround(directory);
  assert.equal(second.shown, first.shown);
  await ask(second, directory);
  assert.equal(await timesRun(), 1);
  assert.deepEqual([...first.failures, ...second.failures], []);
});

test("one that is not whole is not there, and made again", LIMIT, async () => {
  await setUp();
  const directory = join(scratch, "damaged");
  const { shown } = await lookAround(directory);
  const damages: Record<string, () => Promise<void>> = {
    "it is not made": async () => {},
    "a bit is another one": async () => {
      await rm(join(shown, "classes"));
      await writeFile(join(shown, "classes"), "brchive of words\n");
    },
    "it was not finished": () => rm(join(shown, "digest")),
    "it is gone": () => rm(join(shown, "classes")),
  };
  for (const [damage, harm] of Object.entries(damages)) {
    await harm();
    const machine = await lookAround(directory);
    assert.equal(machine.shown, shown);
    assert.deepEqual((await readdir(shown)).includes("classes"), false, damage);
    await ask(machine, directory);
    assert.equal(await archive(shown), "archive of words\n", damage);
  }
});

test("an interpreter or a client of another time has another, and the older one goes", LIMIT, async () => {
  await setUp();
  const directory = join(scratch, "times");
  const shown: string[] = [];
  for (const file of ["", INTERPRETER, join(CLIENT, "client")]) {
    if (file !== "") await utimes(file, 1_000, 1_000);
    const machine = await lookAround(directory);
    await ask(machine, directory);
    shown.push(machine.shown);
    assert.deepEqual(await readdir(directory), [machine.shown.slice(directory.length + 1)]);
  }
  assert.equal(new Set(shown).size, 3);
});

test("an interpreter that cannot write one is told of, and leaves nothing", LIMIT, async () => {
  await setUp("echo it cannot >&2; exit 3");
  const directory = join(scratch, "failing");
  const machine = await lookAround(directory);
  await ask(machine, directory);
  assert.match(machine.failures.join(), /it cannot/);
  await machine.runtimes.close();
  assert.deepEqual(await readdir(machine.shown), []);
  assert.equal((await readdir(directory)).length, 1);
});

test("an interpreter that ends well without one is told of, with what it may lack", LIMIT, async () => {
  await setUp("exit 0");
  const directory = join(scratch, "lacking");
  const machine = await lookAround(directory);
  await ask(machine, directory);
  assert.match(machine.failures.join(), /no archive was written; it needs a better tongue/);
  await machine.runtimes.close();
  assert.equal((await readdir(directory)).length, 1);
});

test("where the program is missing that makes one, there is none, and nothing to tell", LIMIT, async () => {
  await setUp();
  const manifest = join(CLIENT, "manifest.json");
  const text = await readFile(manifest, "utf8");
  await writeFile(manifest, text.replace('"command":["{executable}",', '"command":["no-such-program",'));
  const directory = join(scratch, "without");
  const machine = await lookAround(directory);
  machine.runtimes.find("tongue2");
  await delay(500);
  await machine.runtimes.close();
  await writeFile(manifest, text);
  assert.deepEqual(machine.failures, []);
  assert.deepEqual(await readdir(machine.shown), []);
});

test("one that is being made is given up when Lambent ends", LIMIT, async () => {
  await setUp(`touch "$1"; exec sleep 60`);
  const directory = join(scratch, "ending");
  const machine = await lookAround(directory);
  machine.runtimes.find("tongue2");
  for (let looks = 0; looks < 500 && (await timesRun()) === 0; looks++) await delay(20);
  const elsewhere = await lookAround(directory);
  elsewhere.runtimes.find("tongue2");
  await delay(200);
  assert.equal(await timesRun(), 1);
  await Promise.all([machine.runtimes.close(), elsewhere.runtimes.close()]);
  assert.deepEqual(await readdir(directory), [machine.shown.slice(directory.length + 1)]);
  assert.deepEqual(machine.failures, []);
});
