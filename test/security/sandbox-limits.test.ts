import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { enterPrivateMountNamespace } from "../../src/adapters/sandbox-bubblewrap/private-mount-namespace.ts";
import { canIsolate, openSandboxes } from "../support/sandboxes.ts";
import { skipUnless } from "../support/skip.ts";

enterPrivateMountNamespace(process.argv.slice(1));

const MEBIBYTE = 1_048_576;

test("a fork bomb stops at 1,024 processes and dies with its sandbox", async (t) => {
  if (!canIsolate(t)) return;
  const sandboxes = await openSandboxes(t);
  const { outcome } = await sandboxes.run<{ started: number; error: string }>(
    `return JSON.parse(python(${JSON.stringify(`
import json, os, time
started, error = 0, None
for attempt in range(10000):
    try:
        if os.fork() == 0:
            os.close(1)
            os.close(2)
            time.sleep(60)
            os._exit(0)
        started += 1
    except OSError as failure:
        error = failure.strerror
        break
print(json.dumps({"started": started, "error": error}), flush=True)
os._exit(0)
`)}));`,
    { memoryMb: 2048 },
  );
  assert.ok(outcome.started > 500 && outcome.started < 1_024, `${outcome.started} processes`);
  assert.equal(outcome.error, "Resource temporarily unavailable");
});

test("filling /tmp ends at its size and costs no memory", async (t) => {
  if (!canIsolate(t)) return;
  const sandboxes = await openSandboxes(t);
  if (
    !skipUnless(
      t,
      /tmp on disk/.test(sandboxes.driver.report.summary),
      "no loop devices",
      "run it with /dev/loop-control",
    )
  )
    return;
  const { outcome, exit } = await sandboxes.run<{ written: number; refused: string; eaten: number }>(
    `const block = Buffer.alloc(1 << 20, 7);
    const file = fs.openSync("/tmp/fill", "w");
    let written = 0, refused;
    try { for (; written < 1000; written++) fs.writeSync(file, block); } catch (error) { refused = error.code; }
    const kept = [];
    for (let i = 0; i < 30; i++) kept.push(Buffer.alloc(1 << 20, i));
    return { written, refused, eaten: kept.length };`,
    { memoryMb: 128 },
  );
  assert.equal(exit.outOfMemory, false);
  assert.equal(outcome.refused, "ENOSPC");
  assert.ok(outcome.written >= 511 && outcome.written <= 520, `${outcome.written} MB fit`);
  assert.equal(outcome.eaten, 30);
});

test("another size of /tmp is another size", async (t) => {
  if (!canIsolate(t)) return;
  const sandboxes = await openSandboxes(t);
  const { outcome } = await sandboxes.run<number>(
    `const { bavail, bsize } = fs.statfsSync("/tmp"); return (bavail * bsize) / ${MEBIBYTE};`,
    { ephemeralStorageMb: 1_200 },
  );
  assert.ok(outcome >= 1_200 && outcome < 1_215, `${outcome} MB`);
});

test("who eats all memory is killed, and it is known why", async (t) => {
  if (!canIsolate(t)) return;
  const sandboxes = await openSandboxes(t);
  if (
    !skipUnless(t, sandboxes.driver.report.limits.memory, "no memory limit", "run it with writable cgroups")
  )
    return;
  const { exit, memoryPeakBytes } = await sandboxes.run(
    `const kept = []; for (;;) kept.push(Buffer.alloc(8 << 20, 1));`,
    { memoryMb: 192 },
  );
  assert.deepEqual(exit, { code: null, signal: "SIGKILL", outOfMemory: true });
  assert.equal(memoryPeakBytes, 192 * MEBIBYTE);
});

test("memory in shared segments and memory files is charged as well", async (t) => {
  if (!canIsolate(t)) return;
  const sandboxes = await openSandboxes(t);
  if (
    !skipUnless(t, sandboxes.driver.report.limits.memory, "no memory limit", "run it with writable cgroups")
  )
    return;
  const { exit } = await sandboxes.run(
    `spawnSync("/usr/bin/python3", ["-c", "import os; f = os.memfd_create('x'); [os.write(f, b'x' * 1048576) for _ in range(1000)]"]); process.exit(1);`,
    { memoryMb: 192 },
  );
  assert.equal(exit.outOfMemory, true);
});

test("an ordinary end is not taken for a lack of memory", async (t) => {
  if (!canIsolate(t)) return;
  const sandboxes = await openSandboxes(t);
  assert.deepEqual((await sandboxes.run(`process.exit(7);`)).exit, {
    code: 7,
    signal: null,
    outOfMemory: false,
  });
  assert.deepEqual(
    (
      await sandboxes.run(
        `process.kill(process.pid, "SIGTERM"); await new Promise(() => setInterval(() => {}, 1000));`,
      )
    ).exit,
    {
      code: null,
      signal: "SIGTERM",
      outOfMemory: false,
    },
  );
});

test("the reported memory grows with what the function keeps, not with the files it reads", async (t) => {
  if (!canIsolate(t)) return;
  const sandboxes = await openSandboxes(t);
  const peaks: number[] = [];
  for (const body of [
    "",
    `globalThis.kept = Buffer.alloc(100 << 20, 1);`,
    `const block = Buffer.alloc(1 << 20); for (let i = 0; i < 100; i++) fs.appendFileSync("/tmp/file", block); const file = fs.openSync("/tmp/file"); while (fs.readSync(file, block) > 0);`,
  ]) {
    const { sandbox, output } = await sandboxes.start(
      `${body} fs.writeSync(1, "kept"); await new Promise(() => setInterval(() => {}, 1000));`,
      { memoryMb: 512 },
    );
    while (!output.text.includes("kept"))
      await new Promise((resolve) => sandbox.stdout.once("data", resolve));
    peaks.push(sandbox.memoryPeakBytes()! / MEBIBYTE);
    await sandbox.destroy();
  }
  const [idle = 0, keeping = 0, reading = 0] = peaks;
  assert.ok(keeping - idle > 95 && keeping - idle < 115, `${idle} MB, keeping 100 MB: ${keeping} MB`);
  assert.ok(reading - idle < 40, `${idle} MB, reading and writing 100 MB: ${reading} MB`);
});

test("the reported memory of a program that has ended is what it kept, not the files it wrote", async (t) => {
  if (!canIsolate(t)) return;
  const sandboxes = await openSandboxes(t);
  const kept = await sandboxes.run(`globalThis.kept = Buffer.alloc(100 << 20, 1); process.exit(3);`, {
    memoryMb: 512,
  });
  const keptMb = kept.memoryPeakBytes! / MEBIBYTE;
  assert.ok(keptMb > 100 && keptMb < 180, `${keptMb} MB`);
  const wrote = await sandboxes.run(
    `const block = Buffer.alloc(1 << 20); for (let i = 0; i < 150; i++) fs.appendFileSync("/tmp/file", block); process.exit(3);`,
    { memoryMb: 512 },
  );
  const wroteMb = wrote.memoryPeakBytes! / MEBIBYTE;
  assert.ok(wroteMb > 5 && wroteMb < 80, `${wroteMb} MB`);
});

test("a child that eats all memory is in the reported memory, though the program goes on", async (t) => {
  if (!canIsolate(t)) return;
  const sandboxes = await openSandboxes(t);
  if (
    !skipUnless(t, sandboxes.driver.report.limits.memory, "no memory limit", "run it with writable cgroups")
  )
    return;
  const { sandbox, output } = await sandboxes.start(
    `const { signal } = spawnSync(process.execPath, ["-e", "const kept = []; for (;;) kept.push(Buffer.alloc(8 << 20, 1));"]);
    fs.writeSync(1, "child " + signal); await new Promise(() => setInterval(() => {}, 1000));`,
    { memoryMb: 192 },
  );
  while (!output.text.includes("child SIGKILL"))
    await new Promise((resolve) => sandbox.stdout.once("data", resolve));
  assert.equal(sandbox.memoryPeakBytes(), 192 * MEBIBYTE);
});

test("children that have ended are in the reported memory, files that are gone are not", async (t) => {
  if (!canIsolate(t)) return;
  const sandboxes = await openSandboxes(t);
  if (
    !skipUnless(t, sandboxes.driver.report.limits.memory, "no memory limit", "run it with writable cgroups")
  )
    return;
  const { sandbox, output, codeDirectory } = await sandboxes.start(
    `const stages = {
      idle: () => {},
      file: () => {
        const block = Buffer.alloc(1 << 20);
        for (let i = 0; i < 150; i++) fs.appendFileSync("/tmp/file", block);
        fs.rmSync("/tmp/file");
        spawnSync("/bin/true");
      },
      child: () => python("kept = b'x' * (200 << 20)"),
      orphan: () => {
        const orphan = "import os; kept = b'x' * (300 << 20); os.mkdir('/tmp/done')";
        spawnSync("/bin/sh", ["-c", '/usr/bin/python3 -c "$0" >/dev/null 2>&1 &', orphan]);
      },
    };
    const until = async (file) => { while (!fs.existsSync(file)) await new Promise((resolve) => setTimeout(resolve, 20)); };
    for (const [name, run] of Object.entries(stages)) {
      run();
      if (name === "orphan") await until("/tmp/done").then(() => new Promise((resolve) => setTimeout(resolve, 500)));
      fs.writeSync(1, name + ";");
      await until("/var/task/after-" + name);
    }`,
    { memoryMb: 512 },
  );
  const peaksMb: number[] = [];
  for (const stage of ["idle", "file", "child", "orphan"]) {
    while (!output.text.includes(`${stage};`))
      await new Promise((resolve) => sandbox.stdout.once("data", resolve));
    peaksMb.push(sandbox.memoryPeakBytes()! / MEBIBYTE);
    await writeFile(join(codeDirectory, `after-${stage}`), "");
  }
  const [idle = 0, file = 0, child = 0, orphan = 0] = peaksMb;
  const told = peaksMb.map((mb) => Math.round(mb)).join(", ");
  assert.ok(file - idle < 30, told);
  assert.ok(child - idle > 195 && child - idle < 240, told);
  assert.ok(orphan - idle > 295 && orphan - idle < 340, told);
});

test("the CPU share is in proportion to memory once it is limited", async (t) => {
  if (!canIsolate(t)) return;
  const sandboxes = await openSandboxes(t);
  if (!skipUnless(t, sandboxes.driver.report.limits.cpu, "no CPU limit", "run it with writable cgroups"))
    return;
  const { sandbox, output } = await sandboxes.start(
    `process.stdin.destroy(); for (;;) { const before = process.cpuUsage().user; const from = performance.now(); while (performance.now() - from < 1000); fs.writeSync(1, "share " + (process.cpuUsage().user - before) / 1000 / (performance.now() - from) + "\\n"); }`,
    { memoryMb: 442 },
  );
  sandbox.limitCpu();
  while ((output.text.match(/share/g) ?? []).length < 3)
    await new Promise((resolve) => sandbox.stdout.once("data", resolve));
  const share = Number(/share .*\nshare .*\nshare (.*)/.exec(output.text)![1]);
  assert.ok(share > 0.1 && share < 0.3, `a quarter of a CPU is wanted, ${share} was got`);
});

test("the number of open files is limited", async (t) => {
  if (!canIsolate(t)) return;
  const sandboxes = await openSandboxes(t);
  const { outcome } = await sandboxes.run<{ opened: number; refused: string }>(
    `let opened = 0; try { for (; opened < 5000; opened++) fs.openSync("/dev/null"); } catch (error) { return { opened, refused: error.code }; } return { opened };`,
  );
  assert.equal(outcome.refused, "EMFILE");
  assert.ok(outcome.opened < 1_024);
});

test("a frozen sandbox stands still and goes on", async (t) => {
  if (!canIsolate(t)) return;
  const sandboxes = await openSandboxes(t);
  const { sandbox, output } = await sandboxes.start(
    `setInterval(() => fs.writeSync(1, "."), 5); await new Promise(() => {});`,
  );
  const dots = async (): Promise<void> => {
    await new Promise((resolve) => sandbox.stdout.once("data", resolve));
  };
  await dots();
  const freezable = sandbox as typeof sandbox & { freeze(): void; thaw(): void };
  freezable.freeze();
  // What was written before the freeze may still arrive.
  await new Promise((resolve) => setTimeout(resolve, 100));
  const before = output.text.length;
  await new Promise((resolve) => setTimeout(resolve, 200));
  assert.equal(output.text.length, before);
  freezable.thaw();
  await dots();
  freezable.freeze();
  await sandbox.destroy();
});
