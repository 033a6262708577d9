import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { enterPrivateMountNamespace } from "../../src/adapters/sandbox-bubblewrap/private-mount-namespace.ts";
import { canIsolate, openSandboxes } from "../support/sandboxes.ts";

enterPrivateMountNamespace(process.argv.slice(1));

interface Attempt<Got = unknown> {
  readonly got?: Got;
  readonly refused?: string;
}

test("the host's files are not there", async (t) => {
  if (!canIsolate(t)) return;
  const sandboxes = await openSandboxes(t);
  const victim = await sandboxes.start("await new Promise(() => setInterval(() => {}, 1000));");
  const secret = join(victim.codeDirectory, "secret.txt");
  await writeFile(secret, "of another function");
  await writeFile(join(sandboxes.dataDirectory, "lambent.db"), "of Lambent");
  const paths = [
    "/etc/shadow",
    "/etc/machine-id",
    "/root",
    "/home",
    "/var/lib",
    "/var/log",
    "/run",
    "/sys",
    "/boot",
    "/srv",
    "/proc/kcore",
    "/proc/1/root/etc/shadow",
    sandboxes.dataDirectory,
    join(sandboxes.dataDirectory, "lambent.db"),
    secret,
  ];
  const { outcome } = await sandboxes.run<Attempt[]>(
    `return ${JSON.stringify(paths)}.map((path) => attempt(() => fs.statSync(path).isDirectory() ? fs.readdirSync(path) : fs.readFileSync(path, "latin1")));`,
  );
  for (const [index, result] of outcome.entries())
    assert.ok(
      ["ENOENT", "EACCES", "EPERM"].includes(`${result.refused}`),
      `${paths[index]}: ${JSON.stringify(result)}`,
    );
});

test("settings of the host's administrator are not shown, its software is", async (t) => {
  if (!canIsolate(t)) return;
  const sandboxes = await openSandboxes(t);
  const { outcome } = await sandboxes.run<{
    top: string[];
    hidden: Attempt<string[]>[];
    passwd: string;
    bash: boolean;
    telling: string[];
  }>(`
    return {
      top: fs.readdirSync("/"),
      hidden: ["/usr/etc", "/usr/local/etc", "/usr/src"].map((path) => attempt(() => fs.readdirSync(path))),
      passwd: fs.readFileSync("/etc/passwd", "utf8"),
      bash: fs.existsSync("/bin/bash") || fs.existsSync("/bin/sh"),
      telling: ["cmdline", "config.gz", "modules", "keys"].filter((name) => { try { return fs.readFileSync("/proc/" + name).length > 0; } catch { return false; } }),
    };`);
  for (const result of outcome.hidden) assert.ok(result.refused === "ENOENT" || result.got?.length === 0);
  assert.match(outcome.passwd, /^sbx_user1051:x:993:990:/m);
  assert.equal(outcome.bash, true);
  assert.deepEqual(outcome.telling, []);
  const expected = [
    "bin",
    "dev",
    "etc",
    "lib",
    "lib32",
    "lib64",
    "libx32",
    "mnt",
    "opt",
    "proc",
    "sbin",
    "tmp",
    "usr",
    "var",
  ];
  assert.deepEqual(
    outcome.top.filter((name) => !expected.includes(name)),
    [],
  );
});

test("nothing can be written but /tmp", async (t) => {
  if (!canIsolate(t)) return;
  const sandboxes = await openSandboxes(t);
  const directories = [
    "/",
    "/etc",
    "/usr",
    "/usr/bin",
    "/var",
    "/var/task",
    "/var/runtime",
    "/var/lang/bin",
    "/opt",
    "/mnt",
    "/dev",
    "/dev/shm",
    "/proc",
    "/proc/sys/kernel",
    "/home",
  ];
  const { outcome } = await sandboxes.run<{
    writes: Attempt[];
    tmp: Attempt<string>;
    overwrite: Attempt[];
    mode: string;
  }>(`
    return {
      writes: ${JSON.stringify(directories)}.map((path) => attempt(() => fs.writeFileSync(path + "/planted", "x"))),
      overwrite: ["/var/task/attempt.mjs", "/etc/passwd", "/bin/sh", "/var/runtime/attack.mjs"].map((path) => attempt(() => fs.appendFileSync(path, "x"))),
      tmp: attempt(() => { fs.writeFileSync("/tmp/mine", "x"); return fs.readdirSync("/tmp").join(); }),
      mode: (fs.statSync("/tmp").mode & 0o7777).toString(8),
    };`);
  for (const [index, result] of outcome.writes.entries())
    assert.ok(
      ["EROFS", "EACCES", "ENOENT", "EPERM"].includes(`${result.refused}`),
      `${directories[index]}: ${JSON.stringify(result)}`,
    );
  for (const result of outcome.overwrite)
    assert.ok(["EROFS", "EACCES", "EPERM"].includes(`${result.refused}`), JSON.stringify(result));
  assert.deepEqual(outcome.tmp, { got: "mine" });
  assert.equal(outcome.mode, "1777");
});

test("the kernel's settings cannot be changed", async (t) => {
  if (!canIsolate(t)) return;
  const sandboxes = await openSandboxes(t);
  const files = [
    "/proc/sys/kernel/core_pattern",
    "/proc/sys/kernel/hostname",
    "/proc/sys/vm/drop_caches",
    "/proc/sys/net/ipv4/ip_forward",
    "/proc/sysrq-trigger",
    "/proc/self/uid_map",
    "/proc/self/setgroups",
  ];
  const { outcome } = await sandboxes.run<Attempt[]>(
    `return ${JSON.stringify(files)}.map((path) => attempt(() => fs.writeFileSync(path, "0")));`,
  );
  for (const [index, result] of outcome.entries())
    assert.ok(
      ["EROFS", "EACCES", "EPERM", "ENOENT"].includes(`${result.refused}`),
      `${files[index]}: ${JSON.stringify(result)}`,
    );
});

test("mounts, namespaces and devices cannot be made", async (t) => {
  if (!canIsolate(t)) return;
  const sandboxes = await openSandboxes(t);
  const commands = [
    "mount -t tmpfs none /tmp",
    "mount -o remount,rw /",
    "mount -o remount,rw /usr",
    "mount --bind /tmp /etc",
    "umount /tmp",
    "umount -l /proc",
    "unshare --user true",
    "unshare --mount true",
    "unshare --net true",
    "nsenter --target 1 --mount true",
    "chroot /tmp true",
    "mknod /tmp/disk b 254 0",
    "mknod /tmp/memory c 1 1",
    "losetup -f /var/task/attempt.mjs",
  ];
  const { outcome } = await sandboxes.run<number[]>(
    `return ${JSON.stringify(commands)}.map((command) => spawnSync("/bin/sh", ["-c", "PATH=/usr/sbin:/usr/bin:/sbin:/bin; " + command], { stdio: "ignore" }).status);`,
  );
  for (const [index, status] of outcome.entries()) assert.notEqual(status, 0, commands[index]);
});

test("a sandbox sees neither the /tmp nor the code of another one", async (t) => {
  if (!canIsolate(t)) return;
  const sandboxes = await openSandboxes(t);
  await sandboxes.run(`fs.writeFileSync("/tmp/left", "by the first");`);
  const { outcome } = await sandboxes.run<{ tmp: string[]; code: string[] }>(
    `return { tmp: fs.readdirSync("/tmp"), code: fs.readdirSync("/var/task") };`,
  );
  assert.deepEqual(outcome, { tmp: [], code: ["attempt.mjs"] });
});
