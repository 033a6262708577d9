import assert from "node:assert/strict";
import { test } from "node:test";
import { ManualClock } from "../../../../test/support/manual-clock.ts";
import { Zygotes } from "./zygotes.ts";

const program = (name: string) => ({ command: [name], mounts: [] });

function scripted() {
  const clock = new ManualClock();
  const failures: string[] = [];
  const made: { forks: number; children: number; closed: boolean; die: () => void; childless: () => void }[] =
    [];
  const world = { broken: false };
  const zygotes = new Zygotes({
    clock,
    start: async (_program, _variables, childless) => {
      if (world.broken) throw new Error("not today");
      const ended = Promise.withResolvers<void>();
      const zygote = {
        forks: 0,
        children: 0,
        closed: false,
        childless,
        ended: ended.promise,
        die: ended.resolve,
        close: async () => {
          zygote.closed = true;
        },
      };
      made.push(zygote);
      return zygote;
    },
    failed: (error) => failures.push(String(error)),
  });
  const get = () => zygotes.get(program("python"), {});
  const isReady = () => zygotes.isReady(program("python"), {});
  return { clock, zygotes, made, failures, world, get, isReady };
}

test("one zygote serves a program, another one another program or other variables", async () => {
  const { zygotes, made, get } = scripted();
  assert.equal(await get(), await get());
  await zygotes.get(program("python"), { LANG: "C" });
  await zygotes.get(program("ruby"), {});
  assert.equal(made.length, 3);
  await zygotes.close();
  assert.ok(made.every(({ closed }) => closed));
  assert.equal(await get(), undefined);
});

test("a zygote is renewed after some forks, and after some minutes; the old one ends with its children", async () => {
  const { clock, made, get } = scripted();
  const first = (await get())!;
  made[0]!.forks = 200;
  made[0]!.children = 1;
  // Nobody waits until its successor can fork.
  assert.equal(await get(), first);
  await new Promise(setImmediate);
  const second = (await get())!;
  assert.notEqual(second, first);
  assert.equal(await get(), second);
  clock.advance(60_000);
  assert.equal(made[0]!.closed, false);
  made[0]!.children = 0;
  made[0]!.childless();
  clock.advance(30_000);
  assert.equal(made[0]!.closed, true);
  clock.advance(10 * 60_000);
  assert.equal(await get(), second);
  await new Promise(setImmediate);
  assert.equal(await get(), made[2]);
  assert.equal(made.length, 3);
});

test("one whose successor cannot be made is given up, and programs are started for a while", async () => {
  const { clock, made, failures, world, get } = scripted();
  await get();
  made[0]!.forks = 200;
  world.broken = true;
  assert.equal(await get(), made[0]);
  await new Promise(setImmediate);
  assert.equal(await get(), undefined);
  assert.deepEqual(failures, ["Error: not today"]);
  clock.advance(1_000);
  world.broken = false;
  assert.equal(await get(), made[1]);
});

test("who does not want to wait for one is told, and it is made meanwhile", async () => {
  const { made, failures, world, get, isReady } = scripted();
  assert.equal(isReady(), false);
  await new Promise(setImmediate);
  assert.deepEqual([isReady(), made.length], [true, 1]);
  made[0]!.forks = 200;
  await get();
  assert.equal(isReady(), true, "the old one goes on until there is another one");
  await new Promise(setImmediate);
  assert.deepEqual([isReady(), made.length], [true, 2]);
  world.broken = true;
  made[1]!.die();
  await new Promise(setImmediate);
  assert.equal(isReady(), false);
  await new Promise(setImmediate);
  assert.deepEqual([isReady(), failures.length], [false, 1]);
});

test("a successor that comes when another one is there already is not kept", async () => {
  const { made, get } = scripted();
  await get();
  made[0]!.forks = 200;
  const [first] = [await get(), made[0]!.die()];
  assert.equal(first, made[0]);
  await new Promise(setImmediate);
  const current = await get();
  const kept = made.filter(({ closed }) => !closed);
  assert.deepEqual(kept, [current]);
});

test("one without children is not kept for ever", async () => {
  const { clock, made, get } = scripted();
  await get();
  made[0]!.childless();
  clock.advance(60_000);
  clock.advance(30_000);
  assert.equal(made[0]!.closed, true);
  await get();
  assert.equal(made.length, 2);
});

test("one that has died is replaced at once", async () => {
  const { made, get } = scripted();
  await get();
  made[0]!.die();
  await new Promise(setImmediate);
  await get();
  assert.equal(made.length, 2);
});

test("one that cannot be made is tried again later and later, and that is told each time", async () => {
  const { clock, failures, world, made, get } = scripted();
  world.broken = true;
  for (const pauseMs of [1_000, 4_000, 16_000]) {
    assert.equal(await get(), undefined);
    clock.advance(pauseMs - 1);
    assert.equal(await get(), undefined);
    clock.advance(1);
  }
  assert.equal(failures.length, 3);
  world.broken = false;
  assert.equal(await get(), made[0]);
});

test("one from which nothing can be forked is given up", async () => {
  const { clock, zygotes, made, failures, get } = scripted();
  await get();
  zygotes.failed(program("python"), {}, new Error("no fork"));
  assert.equal(await get(), undefined);
  assert.deepEqual(failures, ["Error: no fork"]);
  clock.advance(1_000);
  assert.ok((await get()) !== undefined);
  clock.advance(30_000);
  assert.deepEqual(
    made.map(({ closed }) => closed),
    [true, false],
  );
});
