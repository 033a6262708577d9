import assert from "node:assert/strict";
import { once } from "node:events";
import { openSync } from "node:fs";
import { test } from "node:test";
import { enterPrivateMountNamespace } from "../../src/adapters/sandbox-bubblewrap/private-mount-namespace.ts";
import { canIsolate, openSandboxes } from "../support/sandboxes.ts";

enterPrivateMountNamespace(process.argv.slice(1));

test("the process has no privilege of any kind", async (t) => {
  if (!canIsolate(t)) return;
  const sandboxes = await openSandboxes(t);
  const { outcome } = await sandboxes.run<{
    status: string;
    uid: number;
    gid: number;
    groups: number[];
    limits: string;
    host: string;
  }>(`
    const os = await import("node:os");
    return { status: fs.readFileSync("/proc/self/status", "utf8"), uid: process.getuid(), gid: process.getgid(),
      groups: process.getgroups(), limits: fs.readFileSync("/proc/self/limits", "utf8"), host: os.hostname() };`);
  for (const set of ["CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"])
    assert.match(outcome.status, new RegExp(`^${set}:\\s0{16}$`, "m"));
  assert.match(outcome.status, /^NoNewPrivs:\s1$/m);
  assert.match(outcome.status, /^Seccomp:\s2$/m);
  assert.deepEqual([outcome.uid, outcome.gid], [993, 990]);
  assert.ok(!outcome.groups.includes(0));
  assert.match(outcome.limits, /^Max open files\s+1024\s+1024/m);
  assert.match(outcome.limits, /^Max core file size\s+0\s+0/m);
  assert.equal(outcome.host, "169-254-100-1");
});

test("on the host it runs as a user of its own, not as root and not as its neighbour", async (t) => {
  if (!canIsolate(t)) return;
  const { readFile, readdir } = await import("node:fs/promises");
  const sandboxes = await openSandboxes(t);
  const wait = "fs.writeSync(1, 'waiting\\\\n'); await new Promise(() => setInterval(() => {}, 1000));";
  const marks = ["first", "second"];
  for (const mark of marks) {
    const { sandbox, output } = await sandboxes.start(wait, {
      environmentVariables: { MARK: `sandbox-user-test-${mark}` },
    });
    // It has its listeners before its program is started.
    while (!output.text.includes("waiting")) await once(sandbox.stdout, "data");
  }
  const users: string[] = [];
  for (const pid of (await readdir("/proc")).filter((name) => /^\d+$/.test(name))) {
    const environment = await readFile(`/proc/${pid}/environ`, "latin1").catch(() => "");
    if (!environment.includes("sandbox-user-test-")) continue;
    const status = await readFile(`/proc/${pid}/status`, "utf8");
    users.push(/^Uid:\s(\d+)\s(\d+)\s(\d+)\s(\d+)$/m.exec(status)![1]!);
  }
  assert.equal(users.length, 2);
  assert.notEqual(users[0], users[1]);
  for (const user of users) assert.ok(Number(user) > 60_000, `user ${user}`);
});

test("nobody on the host can read the function's variables from a command line", async (t) => {
  if (!canIsolate(t)) return;
  const { readFile, readdir } = await import("node:fs/promises");
  const sandboxes = await openSandboxes(t);
  await sandboxes.start("await new Promise(() => setInterval(() => {}, 1000));", {
    environmentVariables: { PASSWORD: "correct-horse-battery" },
  });
  for (const pid of (await readdir("/proc")).filter((name) => /^\d+$/.test(name))) {
    const line = await readFile(`/proc/${pid}/cmdline`, "latin1").catch(() => "");
    assert.ok(!line.includes("correct-horse"), `process ${pid}`);
    const environment = await readFile(`/proc/${pid}/environ`, "latin1").catch(() => "");
    if (environment.includes("correct-horse"))
      assert.match(line, /^\/var\/lang\/bin\/node/, `only the program itself, not ${line}`);
  }
});

test("variables of the dynamic linker reach the program only, never bubblewrap", async (t) => {
  if (!canIsolate(t)) return;
  const sandboxes = await openSandboxes(t);
  const { outcome } = await sandboxes.run<{ own: string; first: string }>(
    `return { own: process.env.LD_LIBRARY_PATH, first: fs.readFileSync("/proc/1/environ", "latin1") };`,
    { environmentVariables: { LD_LIBRARY_PATH: "/var/task/lib", LD_DEBUG_OUTPUT: "/tmp/x" } },
  );
  assert.equal(outcome.own, "/var/task/lib");
  assert.ok(!outcome.first.includes("LD_"), outcome.first);
});

test("other processes are neither seen, nor killed, nor traced, nor read", async (t) => {
  if (!canIsolate(t)) return;
  const sandboxes = await openSandboxes(t);
  await sandboxes.start("await new Promise(() => setInterval(() => {}, 1000));", {
    environmentVariables: { SECRET_OF_THE_OTHER: "hidden" },
  });
  const { outcome } = await sandboxes.run<{
    pids: string[];
    environs: string[];
    kill: { refused?: string };
    killInit: boolean;
  }>(
    `const pids = fs.readdirSync("/proc").filter((name) => /^[0-9]+$/.test(name));
    const environs = pids.map((pid) => { try { return fs.readFileSync("/proc/" + pid + "/environ", "latin1"); } catch (error) { return error.code; } });
    const kill = attempt(() => process.kill(${process.pid}, 0));
    process.kill(1, "SIGKILL");
    await new Promise((resolve) => setTimeout(resolve, 50));
    return { pids, environs, kill, killInit: fs.existsSync("/proc/1") };`,
  );
  assert.equal(outcome.pids.length, 2, `init and the program: ${outcome.pids.join()}`);
  assert.ok(!outcome.environs.join().includes("hidden"));
  assert.equal(outcome.kill.refused, "ESRCH");
  assert.equal(outcome.killInit, true);
});

test("dangerous system calls are refused", async (t) => {
  if (!canIsolate(t)) return;
  const sandboxes = await openSandboxes(t);
  // Numbers of x86-64 and arm64; the arguments would be valid enough to get past the first checks.
  const calls: Record<string, readonly [number, number]> = {
    ptrace: [101, 117],
    process_vm_readv: [310, 270],
    mount: [165, 40],
    umount2: [166, 39],
    pivot_root: [155, 41],
    unshare: [272, 97],
    setns: [308, 268],
    bpf: [321, 280],
    perf_event_open: [298, 241],
    keyctl: [250, 219],
    add_key: [248, 217],
    userfaultfd: [323, 282],
    io_uring_setup: [425, 425],
    kexec_load: [246, 104],
    init_module: [175, 105],
    finit_module: [313, 273],
    reboot: [169, 142],
    swapon: [167, 224],
    clock_settime: [227, 112],
    settimeofday: [164, 170],
    open_by_handle_at: [304, 265],
    syslog: [103, 116],
    quotactl: [179, 60],
    acct: [163, 89],
    chroot: [161, 51],
    fsopen: [430, 430],
    open_tree: [428, 428],
    move_mount: [429, 429],
    pidfd_getfd: [438, 438],
    sync: [162, 81],
  };
  const index = process.arch === "x64" ? 0 : 1;
  const { outcome } = await sandboxes.run<Record<string, number>>(`
    return JSON.parse(python(${JSON.stringify(`
import ctypes, json
libc = ctypes.CDLL(None, use_errno=True)
calls = json.loads('''${JSON.stringify(Object.fromEntries(Object.entries(calls).map(([name, numbers]) => [name, numbers[index]])))}''')
result = {}
for name, number in calls.items():
    ctypes.set_errno(0)
    libc.syscall(number, 0, 0, 0, 0, 0, 0)
    result[name] = ctypes.get_errno()
print(json.dumps(result))
`)}));`);
  assert.deepEqual(outcome, Object.fromEntries(Object.keys(calls).map((name) => [name, 1])));
});

test("nothing is taken of the machine's few contexts for asynchronous I/O", async (t) => {
  if (!canIsolate(t)) return;
  const sandboxes = await openSandboxes(t);
  const number = process.arch === "x64" ? 206 : 0;
  const { outcome } = await sandboxes.run<number[]>(`
    return JSON.parse(python(${JSON.stringify(`
import ctypes, json
libc = ctypes.CDLL(None, use_errno=True)
context = ctypes.c_ulong(0)
print(json.dumps([libc.syscall(${number}, 1, ctypes.byref(context)), ctypes.get_errno()]))
`)}));`);
  assert.deepEqual(outcome, [-1, 38]);
});

test("namespaces cannot be made with clone, and clone3 is hidden", async (t) => {
  if (!canIsolate(t) || process.arch !== "x64") return;
  const sandboxes = await openSandboxes(t);
  const { outcome } = await sandboxes.run<number[]>(`
    return JSON.parse(python(${JSON.stringify(`
import ctypes, json
libc = ctypes.CDLL(None, use_errno=True)
result = []
for number, flags in ((56, 0x10000000 | 17), (56, 0x20000 | 17), (56, 0x40000000 | 17), (435, 0)):
    ctypes.set_errno(0)
    libc.syscall(number, flags, 0, 0, 0, 0)
    result.append(ctypes.get_errno())
print(json.dumps(result))
`)}));`);
  assert.deepEqual(outcome, [1, 1, 1, 38]);
});

test("no descriptor of the host gets in", async (t) => {
  if (!canIsolate(t)) return;
  openSync("/etc/hosts", "r");
  const sandboxes = await openSandboxes(t);
  const { outcome } = await sandboxes.run<string[]>(
    `return fs.readdirSync("/proc/self/fd").map((name) => { try { return name + " " + fs.readlinkSync("/proc/self/fd/" + name); } catch { return ""; } }).filter((line) => !/anon_inode|^$/.test(line));`,
  );
  const inherited = outcome
    .filter((line) => Number(line.split(" ")[0]) <= 16)
    .map((line) => line.replace(/\[\d+\]$/, ""));
  // Node's own event loop has pipes of its own; what matters is that nothing names a file or socket of the host.
  for (const line of inherited)
    assert.match(line, /^(0 \/dev\/null|\d+ pipe:|\d+ \/dev\/null|[124] \/)/, line);
  assert.ok(!outcome.some((line) => line.includes("hosts") || line.includes("socket:")), outcome.join("\n"));
});

test("the program gets standard output that scripts can open by name, and records stand in it in their order", async (t) => {
  if (!canIsolate(t)) return;
  const sandboxes = await openSandboxes(t);
  const { sandbox, output } = await sandboxes.start(`
    fs.writeSync(1, "first\\n");
    fs.writeSync(Number(process.env._LAMBDA_TELEMETRY_LOG_FD), "framed");
    return spawnSync("/bin/sh", ["-c", "echo by-name > /dev/stderr; echo out > /dev/stdout"], { stdio: "inherit" }).status;`);
  const ended = new Promise((resolve) => sandbox.stdout.once("end", resolve));
  await sandbox.exited;
  await ended;
  assert.match(output.text, /^first\nframedby-name\nout\n/m);
  assert.match(output.text, /OUTCOME 0/);
});
