import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { existsSync, globSync } from "node:fs";
import { chmod, mkdtemp, rm, writeFile } from "node:fs/promises";
import { homedir, tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { enterPrivateMountNamespace } from "../../src/adapters/sandbox-bubblewrap/private-mount-namespace.ts";
import { ATTACK_PROGRAM, canIsolate, openSandboxes } from "../support/sandboxes.ts";
import { skipUnless } from "../support/skip.ts";

enterPrivateMountNamespace(process.argv.slice(1));

/**
 * That languages work under the system call filter and the bare root directory: threads, subprocesses, sockets,
 * locks, clocks, temporary files. The command runs beside a Node that does the hand-over.
 */
async function runs(
  t: TestContext,
  command: readonly string[],
  mounts: { hostPath: string; sandboxPath: string }[] = [],
) {
  const sandboxes = await openSandboxes(t);
  const program = { ...ATTACK_PROGRAM, mounts: [...ATTACK_PROGRAM.mounts, ...mounts] };
  const { outcome } = await sandboxes.run<{ status: number; out: string; error: string }>(
    `const run = spawnSync(${JSON.stringify(command[0])}, ${JSON.stringify(command.slice(1))}, { encoding: "utf8", cwd: "/tmp" });
    return { status: run.status, out: run.stdout, error: run.stderr + (run.error ?? "") };`,
    { program, memoryMb: 1024 },
  );
  assert.equal(outcome.status, 0, outcome.error);
  assert.match(outcome.out, /fine/);
}

const PYTHON = `
import subprocess, threading, socket, tempfile, sqlite3, ssl, ctypes, time, asyncio, hashlib
thread = threading.Thread(target=time.sleep, args=(0.01,)); thread.start(); thread.join()
assert subprocess.check_output(["/bin/echo", "x"]) == b"x\\n"
server = socket.create_server(("127.0.0.1", 0)); client = socket.create_connection(server.getsockname())
with tempfile.NamedTemporaryFile() as file: file.write(b"x")
ssl.create_default_context(); asyncio.run(asyncio.sleep(0.01))
sqlite3.connect("/tmp/x.db").execute("create table t (x)")
print("fine")
`;

const pythons = globSync([
  join(homedir(), ".pyenv/versions/3.{9,10,11,12,13,14}.*/bin/python3"),
  "/usr/bin/python3",
]);
for (const python of pythons) {
  test(`Python at ${python.replace(homedir(), "~")}`, async (t) => {
    if (!canIsolate(t)) return;
    const prefix = join(python, "../..");
    const own = prefix === "/usr" ? [] : [{ hostPath: prefix, sandboxPath: "/var/python" }];
    // Built with a shared library below its own prefix, which is another one here.
    const libraries = "LD_LIBRARY_PATH=/var/python/lib";
    const interpreter = own.length === 0 ? [python] : ["/usr/bin/env", libraries, "/var/python/bin/python3"];
    await runs(t, [...interpreter, "-c", PYTHON], own);
  });
}

test("Node with worker threads, subprocesses, sockets and files", async (t) => {
  if (!canIsolate(t)) return;
  const script = `
    const { Worker } = require("node:worker_threads"), { execFileSync } = require("node:child_process"), net = require("node:net"), zlib = require("node:zlib"), fs = require("node:fs");
    execFileSync("/bin/echo"); zlib.gzipSync("x"); fs.writeFileSync("/tmp/x", "x"); fs.watch("/tmp").close();
    const server = net.createServer((socket) => socket.end()).listen(0, "127.0.0.1", () => net.connect(server.address().port).resume().on("close", () => server.close()));
    new Worker("1", { eval: true }).on("exit", () => console.log("fine"));`;
  await runs(t, ["/var/lang/bin/node", "-e", script]);
});

test("Java", async (t) => {
  if (!canIsolate(t)) return;
  if (!skipUnless(t, existsSync("/usr/bin/java"), "there is no Java", "apt-get install default-jdk-headless"))
    return;
  const directory = await sourceDirectory(
    t,
    "Fine.java",
    `public class Fine { public static void main(String[] a) throws Exception {
      Thread t = new Thread(() -> {}); t.start(); t.join(); new java.net.ServerSocket(0).close();
      new ProcessBuilder("/bin/echo").start().waitFor(); java.nio.file.Files.createTempFile("x", "y");
      java.net.InetAddress.getLocalHost(); javax.net.ssl.SSLContext.getDefault(); System.out.println("fine"); } }`,
  );
  await runs(
    t,
    ["/usr/bin/java", "/var/source/Fine.java"],
    [{ hostPath: directory, sandboxPath: "/var/source" }],
  );
});

test("a Go program", async (t) => {
  if (!canIsolate(t)) return;
  const go = ["/usr/local/go/bin/go", "/usr/bin/go"].find((path) => existsSync(path));
  if (!skipUnless(t, go !== undefined, "there is no Go", "apt-get install golang-go")) return;
  const directory = await sourceDirectory(
    t,
    "fine.go",
    `package main
import ("fmt"; "net"; "os"; "os/exec")
func main() {
  done := make(chan bool); for i := 0; i < 100; i++ { go func() { done <- true }() }; for i := 0; i < 100; i++ { <-done }
  l, e := net.Listen("tcp", "127.0.0.1:0"); if e != nil { panic(e) }; l.Close()
  if e := exec.Command("/bin/echo").Run(); e != nil { panic(e) }
  if _, e := os.CreateTemp("", "x"); e != nil { panic(e) }
  fmt.Println("fine") }`,
  );
  execFileSync(`${go}`, ["build", "-o", "fine", "fine.go"], {
    cwd: directory,
    env: { ...process.env, GO111MODULE: "off" },
  });
  await runs(t, ["/var/source/fine"], [{ hostPath: directory, sandboxPath: "/var/source" }]);
});

test("shell scripts", async (t) => {
  if (!canIsolate(t)) return;
  const script = `set -e; x=$(echo a | tr a b); [ "$x" = b ]; (sleep 0.01) & wait; cat <<< y >/dev/null; diff <(echo 1) <(echo 1); id -un | grep -q sbx_user1051; getent hosts localhost >/dev/null; date >/dev/null; echo fine`;
  await runs(t, ["/bin/bash", "-c", script]);
});

async function sourceDirectory(t: TestContext, file: string, text: string): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), "lambent-source-"));
  t.after(() => rm(directory, { recursive: true, force: true }));
  await chmod(directory, 0o755);
  await writeFile(join(directory, file), text);
  return directory;
}
