/** The Node.js client as a zygote, by its orders alone: what it forks is held against others in test/security. */
import assert from "node:assert/strict";
import { type ChildProcess, execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, existsSync, openSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { devNull, tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import type { Duplex, Writable } from "node:stream";
import { text } from "node:stream/consumers";
import { after, before, describe, type TestContext, test } from "node:test";
import { promisify } from "node:util";
import { RUNTIMES_DIRECTORY } from "../support/installed-runtimes.ts";
import { skipUnless } from "../support/skip.ts";

/** One that allows everything: seccomp's return of SECCOMP_RET_ALLOW. */
const FILTER = "060000000000ff7f";
const SETTINGS = { uid: 1, gid: 1, openFiles: 1_024, oomScoreAdjustment: 0, filter: FILTER };
const ORDERS = 300;

let pack: string;

before(async () => {
  pack = await mkdtemp(join(tmpdir(), "lambent-pack-"));
  await promisify(execFile)(process.execPath, [join(RUNTIMES_DIRECTORY, "nodejs", "make-pack.cjs"), pack]);
});
after(() => rm(pack, { recursive: true, force: true }));

function canBeZygote(t: TestContext): boolean {
  const can = process.getuid?.() === 0 && existsSync(join(pack, "zygote.node"));
  return skipUnless(t, can, "there is no zygote", "run it as root on Linux on x86-64, with a C compiler");
}

interface Started {
  readonly process: ChildProcess;
  readonly answers: AsyncIterator<string>;
  readonly complaints: Promise<string>;
  readonly exit: Promise<unknown[]>;
  send(...messages: object[]): void;
  next(): Promise<unknown>;
}

/** With the descriptors that it has as a zygote, and more. */
function start(stage: "1" | "restarted", ...more: number[]): Started {
  const nothing = openSync(devNull, "r");
  const child = spawn(process.execPath, [join(pack, "bootstrap.cjs")], {
    env: { LAMBENT_RESERVE: "1", LAMBENT_ZYGOTE: stage },
    stdio: ["ignore", "ignore", "pipe", "pipe", nothing, ...more],
  });
  closeSync(nothing);
  const control = child.stdio[3] as Duplex;
  const answers = createInterface({ input: control })[Symbol.asyncIterator]();
  return {
    process: child,
    answers,
    complaints: text(child.stderr as NodeJS.ReadableStream),
    exit: once(child, "exit"),
    send: (...messages) =>
      void control.write(messages.map((message) => `${JSON.stringify(message)}\n`).join("")),
    next: async () => JSON.parse((await answers.next()).value as string),
  };
}

const fork = (name: string, order: object = {}): object => ({
  fork: name,
  holder: process.pid,
  runs: "/usr/bin/cat",
  group: "a group of nobody's",
  groups: ["/nowhere/cgroup.procs", "/nowhere/tasks"],
  ...order,
});

describe("the Node.js client as a zygote", { concurrency: false }, () => {
  test("refuses what it cannot do, one order after the other, and ends with its socket", async (t) => {
    if (!canBeZygote(t)) return;
    const zygote = start("1");
    zygote.send(SETTINGS);
    const ready = (await zygote.next()) as { ready: boolean; sharedBytes: number };
    assert.equal(ready.ready, true);
    assert.ok(ready.sharedBytes > 1 << 20, `${ready.sharedBytes} bytes`);
    zygote.send(
      { terminate: "nobody" },
      fork("process of another group"),
      fork("no process", { holder: 0 }),
      fork("no groups", { groups: undefined }),
      fork("too many groups", { groups: Array.from({ length: 17 }, () => "x") }),
      fork("long", { runs: "x".repeat(300) }),
      fork("escaped", { runs: 'a "quoted" path' }),
    );
    assert.deepEqual(await zygote.next(), { failed: "process of another group", reason: "No such process" });
    for (const name of ["no process", "no groups", "too many groups", "long", "escaped"])
      assert.deepEqual(await zygote.next(), { failed: name, reason: "Invalid argument" });
    // Many, one by one and at once: each gets its answer. V8's workers, which are stopped, must not be needed for any.
    for (let index = 0; index < ORDERS; index++) {
      zygote.send(fork(`order ${index}`));
      assert.deepEqual(await zygote.next(), { failed: `order ${index}`, reason: "No such process" });
    }
    const names = Array.from({ length: ORDERS }, (_, index) => `order ${index}`);
    zygote.send(...names.map((name) => fork(name)));
    for (const name of names)
      assert.deepEqual(await zygote.next(), { failed: name, reason: "No such process" });
    (zygote.process.stdio[3] as Writable).end();
    assert.deepEqual(await zygote.exit, [0, null]);
    assert.equal(await zygote.complaints, "");
  });

  test("ends with a complaint, and is never ready, when it has something open that it cannot copy", async (t) => {
    if (!canBeZygote(t)) return;
    const file = join(RUNTIMES_DIRECTORY, "nodejs", "manifest.json");
    const open = openSync(file, "r");
    const zygote = start("restarted", open);
    closeSync(open);
    zygote.send(SETTINGS);
    assert.deepEqual(await zygote.exit, [1, null]);
    assert.equal(await zygote.complaints, `descriptor 5 is ${file}\n`);
    assert.equal((await zygote.answers.next()).done, true);
  });
});
