import assert from "node:assert/strict";
import { test } from "node:test";
import { ManualClock } from "../../test/support/manual-clock.ts";
import type { InstalledRuntime } from "../ports/runtime-catalogue.ts";
import type { ReserveRequest, SandboxDriver, WaitingSandbox } from "../ports/sandbox.ts";
import { ReservePool, type ReservePoolDependencies } from "./reserve-pool.ts";

interface Prepared {
  readonly request: ReserveRequest;
  readonly die: () => void;
  destroyed: boolean;
}

const runtime = (changes: Partial<InstalledRuntime> = {}): InstalledRuntime => ({
  identifier: "nodejs24.x",
  version: "24",
  versionHash: "one",
  program: { command: ["node"], mounts: [] },
  environmentVariables: { LANG: "en_US.UTF-8" },
  managed: true,
  reserve: {},
  ...changes,
});

function scriptedPool(changes: Partial<ReservePoolDependencies> = {}) {
  const clock = new ManualClock();
  const prepared: Prepared[] = [];
  const failures: unknown[] = [];
  const world = { installed: runtime(), available: 0.5, room: 100, broken: false, forks: false };
  const prepare = async (request: ReserveRequest): Promise<WaitingSandbox> => {
    if (world.broken) throw new Error("no sandbox today");
    const ended = Promise.withResolvers<void>();
    const entry: Prepared = { request, die: ended.resolve, destroyed: false };
    prepared.push(entry);
    return {
      id: request.id,
      ended: ended.promise,
      assign: () => Promise.reject(new Error("not here")),
      freeze: () => undefined,
      thaw: () => undefined,
      destroy: async () => {
        entry.destroyed = true;
      },
    };
  };
  let ids = 0;
  const pool = new ReservePool({
    clock,
    sandboxes: {
      prepare,
      get forks() {
        return world.forks;
      },
    } as unknown as SandboxDriver,
    runtimes: {
      find: (name) => (name === world.installed.identifier ? world.installed : undefined),
      list: () => [world.installed],
      missingAdvice: () => "",
    },
    memory: { availableShare: () => world.available },
    newId: () => String(ids++),
    max: 10,
    room: () => world.room,
    parallel: 2,
    failed: (error) => failures.push(error),
    ...changes,
  });
  /** Lets what is due happen, and what follows from it. */
  const pass = async (ms: number): Promise<void> => {
    clock.advance(ms);
    for (let turn = 0; turn < 50; turn++) await Promise.resolve();
  };
  return { clock, pool, prepared, failures, world, pass };
}

test("nothing waits for runtimes that no function uses, two for one that is used", async () => {
  const { pool, prepared, pass } = scriptedPool();
  await pass(60_000);
  assert.equal(prepared.length, 0);
  pool.use("nodejs24.x", 128);
  pool.use("cobol", 128);
  await pass(100);
  assert.equal(pool.size, 2);
  assert.deepEqual(prepared[0]?.request.environmentVariables, { LANG: "en_US.UTF-8" });
});

test("what is taken is replaced, and never given twice", async () => {
  const { pool, world, pass } = scriptedPool();
  pool.use("nodejs24.x", 128);
  await pass(100);
  const taken = [
    pool.take(world.installed, { memoryMb: 128 }),
    pool.take(world.installed, { memoryMb: 1_024 }),
  ];
  assert.equal(new Set(taken.map((sandbox) => sandbox?.id)).size, 2);
  assert.equal(pool.take(world.installed, { memoryMb: 128 }), undefined);
  await pass(100);
  assert.equal(pool.size, 3, "as many as the burst took or missed");
});

test("the reserve grows with the bursts that come, up to its maximum, and shrinks after quiet time", async () => {
  const { pool, world, prepared, pass } = scriptedPool();
  for (let i = 0; i < 25; i++) pool.take(world.installed, { memoryMb: 128 });
  await pass(100);
  assert.equal(pool.size, 10);
  await pass(200_000);
  assert.equal(pool.size, 10, "the burst may come again");
  for (let i = 0; i < 10; i++) await pass(15_000);
  assert.equal(pool.size, 2);
  assert.equal(prepared.filter(({ destroyed }) => destroyed).length, 8);
});

test("what is expected within a time waits beforehand, and no longer", async () => {
  const { pool, pass } = scriptedPool();
  for (let i = 0; i < 5; i++) pool.expect("nodejs24.x", 128, 20_000);
  await pass(100);
  assert.equal(pool.size, 5);
  await pass(30_000);
  assert.equal(pool.size, 2);
});

test("a burst that finds enough waiting has the processor to itself, for a while", async () => {
  const { pool, world, prepared, pass } = scriptedPool();
  pool.announce("nodejs24.x", 128, 10);
  await pass(100);
  for (let i = 0; i < 6; i++) {
    pool.take(world.installed, { memoryMb: 128 });
    await pass(20);
  }
  assert.equal(prepared.length, 10);
  await pass(75);
  assert.ok(prepared.length > 10, "it is over");
  const before = prepared.length;
  for (let i = 0; i < 30; i++) {
    pool.announce("nodejs24.x", 128, 1);
    pool.take(world.installed, { memoryMb: 128 });
    await pass(20);
  }
  assert.ok(prepared.length > before, "it does not end");
});

test("what is announced waits beforehand", async () => {
  const { pool, pass } = scriptedPool();
  pool.announce("nodejs24.x", 128, 7);
  await pass(100);
  assert.equal(pool.size, 7);
});

test("short of memory nothing waits, and it comes back when there is some", async () => {
  const { pool, world, pass } = scriptedPool();
  pool.use("nodejs24.x", 128);
  await pass(100);
  world.available = 0.05;
  await pass(15_000);
  assert.equal(pool.size, 0);
  world.available = 0.5;
  await pass(15_000);
  assert.equal(pool.size, 2);
});

test("real environments have the room first", async () => {
  const { pool, world, pass } = scriptedPool();
  world.room = 1;
  pool.use("nodejs24.x", 128);
  await pass(100);
  assert.equal(pool.size, 1);
  world.room = 0;
  await pass(15_000);
  assert.equal(pool.size, 0);
});

test("one that dies while it waits is replaced", async () => {
  const { pool, prepared, pass } = scriptedPool();
  pool.use("nodejs24.x", 128);
  await pass(100);
  prepared[0]?.die();
  await pass(0);
  assert.equal(pool.size, 1);
  await pass(100);
  assert.equal(pool.size, 2);
});

test("after an update of the runtime the old ones go", async () => {
  const { pool, world, prepared, pass } = scriptedPool();
  pool.use("nodejs24.x", 128);
  await pass(100);
  world.installed = runtime({ versionHash: "two" });
  assert.equal(pool.take(world.installed, { memoryMb: 128 }), undefined);
  await pass(100);
  assert.deepEqual(
    prepared.map(({ destroyed }) => destroyed),
    [true, true, false, false],
  );
});

test("buckets are kept apart and told their memory", async () => {
  const { pool, world, prepared, pass } = scriptedPool();
  world.installed = runtime({ reserve: { byMemory: true } });
  pool.use("nodejs24.x", 512);
  await pass(100);
  assert.deepEqual(
    prepared.map(({ request }) => [
      request.memoryMb,
      request.environmentVariables.AWS_LAMBDA_FUNCTION_MEMORY_SIZE,
    ]),
    [
      [512, "512"],
      [512, "512"],
    ],
  );
  assert.equal(pool.take(world.installed, { memoryMb: 600 }), undefined);
  assert.ok(pool.take(world.installed, { memoryMb: 512 }));
});

test("functions that preload have programs of their own, and a plain one until there are some", async () => {
  const { pool, world, prepared, pass } = scriptedPool();
  world.installed = runtime({ reserve: { preloads: true } });
  pool.announce("nodejs24.x", 128, 3);
  await pass(100);
  const wanted = { memoryMb: 128, preloads: true };
  const [plain] = prepared;
  assert.equal(pool.take(world.installed, wanted)?.id, plain?.request.id);
  await pass(100);
  const preloading = prepared.filter(
    ({ request }) => "LAMBENT_RESERVE_PRELOAD" in request.environmentVariables,
  );
  assert.equal(preloading.length, 2);
  assert.equal(pool.size, 4, "of three that were announced one has come");
  assert.ok(preloading.some(({ request }) => request.id === pool.take(world.installed, wanted)?.id));
  const others = [
    pool.take(world.installed, { memoryMb: 128 }),
    pool.take(world.installed, { memoryMb: 128 }),
  ];
  assert.ok(others.every((other) => preloading.every(({ request }) => request.id !== other?.id)));
  assert.equal(pool.take(world.installed, { memoryMb: 128 }), undefined, "what preloads is not for others");
});

test("what was announced has come, whether it took a plain one or one that preloads", async () => {
  const { pool, world, pass } = scriptedPool();
  world.installed = runtime({ reserve: { preloads: true } });
  pool.announce("nodejs24.x", 128, 5);
  for (let i = 0; i < 5; i++) {
    await pass(11_000);
    assert.ok(pool.take(world.installed, { memoryMb: 128, preloads: true }));
  }
  for (let i = 0; i < 30; i++) await pass(15_000);
  assert.equal(pool.size, 4, "two of each kind");
});

test("a program that cannot be forked here, though it could be, does not preload", async () => {
  const { pool, world, prepared, pass } = scriptedPool();
  world.installed = runtime({ reserve: { preloads: true, zygote: true } });
  pool.take(world.installed, { memoryMb: 128, preloads: true });
  await pass(100);
  assert.equal(pool.size, 2);
  assert.ok(prepared.every(({ request }) => !("LAMBENT_RESERVE_PRELOAD" in request.environmentVariables)));
});

test("where all that are forked have preloaded there is one kind, and two where nothing is forked", async () => {
  for (const forks of [true, false]) {
    const { pool, world, prepared, pass } = scriptedPool();
    world.forks = forks;
    world.installed = runtime({ reserve: { preloads: true, zygote: true, forkedPreload: true } });
    pool.take(world.installed, { memoryMb: 128, preloads: true });
    await pass(100);
    const told = prepared.filter(({ request }) => "LAMBENT_RESERVE_PRELOAD" in request.environmentVariables);
    assert.deepEqual([pool.size, told.length], [2, forks ? 0 : 2]);
  }
});

test("kinds share the places: one that has many gives way to one that has none", async () => {
  const { pool, world, pass } = scriptedPool();
  world.installed = runtime({ reserve: { byMemory: true } });
  pool.announce("nodejs24.x", 512, 10);
  await pass(100);
  pool.announce("nodejs24.x", 1_024, 10);
  for (let i = 0; i < 3; i++) await pass(100);
  const counts = [512, 1_024].map((memoryMb) => {
    let count = 0;
    while (pool.take(world.installed, { memoryMb }) !== undefined) count++;
    return count;
  });
  assert.deepEqual(counts, [5, 5]);
});

test("a failure is told, and tried again later", async () => {
  const { pool, world, failures, pass } = scriptedPool();
  world.broken = true;
  pool.use("nodejs24.x", 128);
  await pass(100);
  assert.ok(failures.length >= 1 && failures.length <= 2);
  world.broken = false;
  await pass(15_000);
  assert.equal(pool.size, 0);
  await pass(15_000);
  await pass(15_000);
  assert.equal(pool.size, 2);
});

test("without a maximum, or a driver that can, nothing waits", async () => {
  for (const changes of [{ max: 0 }, { sandboxes: {} as SandboxDriver }]) {
    const { pool, world, prepared, pass } = scriptedPool(changes);
    pool.use("nodejs24.x", 128);
    await pass(100);
    assert.equal(pool.take(world.installed, { memoryMb: 128 }), undefined);
    assert.equal(prepared.length, 0);
  }
});

test("closed, it destroys what waits and makes no more", async () => {
  const { pool, prepared, pass } = scriptedPool();
  pool.use("nodejs24.x", 128);
  await pass(100);
  await pool.close();
  assert.ok(prepared.every(({ destroyed }) => destroyed));
  pool.use("nodejs24.x", 128);
  await pass(100);
  assert.equal(prepared.length, 2);
});
