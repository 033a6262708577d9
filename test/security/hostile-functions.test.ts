import assert from "node:assert/strict";
import { once } from "node:events";
import { readdirSync } from "node:fs";
import { type AddressInfo, createServer } from "node:net";
import { networkInterfaces } from "node:os";
import { after, before, describe, test } from "node:test";
import { deploy, invoke, lambdaClient } from "../support/deploy.ts";
import { type RunningLambent, startLambent } from "../support/start-lambent.ts";

/**
 * Functions that try to get out, deployed and invoked through the API like any other. Each reports what it got; the
 * test decides. A second function of the same account is the victim that must not notice.
 */
const ATTACKER = `
import fs from "node:fs";
import net from "node:net";
import http from "node:http";
import { spawn, spawnSync } from "node:child_process";
const attempt = (action) => { try { return { got: action() }; } catch (error) { return { refused: error.code ?? String(error) }; } };
const connect = (options) => new Promise((resolve) => {
  const socket = net.connect(options);
  socket.setTimeout(1500, () => { socket.destroy(); resolve("timeout"); });
  socket.on("connect", () => { socket.destroy(); resolve("connected"); });
  socket.on("error", (error) => resolve(error.code));
});
const actions = {
  readFile: ({ path }) => attempt(() => fs.readFileSync(path, "latin1").slice(0, 200)),
  list: ({ path }) => attempt(() => fs.readdirSync(path)),
  write: ({ path }) => attempt(() => { fs.writeFileSync(path, "x"); return "written"; }),
  processes: () => attempt(() => fs.readdirSync("/proc").filter((name) => /^\\d+$/.test(name)).map((pid) => [pid, attempt(() => fs.readFileSync("/proc/" + pid + "/environ", "latin1")), attempt(() => fs.readFileSync("/proc/" + pid + "/cmdline", "latin1"))])),
  kill: ({ pid }) => attempt(() => process.kill(pid, 0)),
  connect: ({ host, port, path }) => connect(path ? { path } : { host, port }),
  api: ({ path, method, headers, body }) => new Promise((resolve) => {
    const request = http.request(process.env.AWS_ENDPOINT_URL + path, { method, headers }, (response) => {
      let text = ""; response.on("data", (chunk) => { text += chunk; }); response.on("end", () => resolve({ status: response.statusCode, text }));
    });
    request.on("error", (error) => resolve({ error: error.code })); request.end(body);
  }),
  fork: async ({ count }) => {
    let started = 0, refused = 0; const children = [];
    for (let i = 0; i < count && refused < 20; i++) {
      await new Promise((resolve) => {
        let child; try { child = spawn("/bin/sleep", ["120"], { stdio: "ignore" }); } catch { refused++; return resolve(); }
        child.on("spawn", () => { started++; children.push(child); resolve(); }); child.on("error", () => { refused++; resolve(); });
      });
    }
    for (const child of children) child.kill("SIGKILL");
    return { started, refused };
  },
  fill: ({ megabytes }) => {
    const block = Buffer.alloc(1 << 20, 7); const file = fs.openSync("/tmp/fill", "w"); let written = 0;
    try { for (; written < megabytes; written++) fs.writeSync(file, block); } catch (error) { fs.closeSync(file); fs.rmSync("/tmp/fill"); return { written, refused: error.code }; }
    fs.closeSync(file); fs.rmSync("/tmp/fill"); return { written };
  },
  eat: () => { const kept = []; for (;;) kept.push(Buffer.alloc(8 << 20, 1)); },
  shell: ({ command }) => { const run = spawnSync("/bin/sh", ["-c", command], { encoding: "utf8", timeout: 8000 }); return { status: run.status, out: run.stdout, error: run.stderr }; },
  identity: () => ({ uid: process.getuid(), gid: process.getgid(), status: fs.readFileSync("/proc/self/status", "utf8"), descriptors: fs.readdirSync("/proc/self/fd") }),
};
export const handler = (event) => actions[event.action](event);
`;

const VICTIM = `
import fs from "node:fs";
let calls = 0;
if (!fs.existsSync("/tmp/mine")) fs.writeFileSync("/tmp/mine", "victim");
export const handler = async () => ({ calls: ++calls, secret: process.env.SECRET, mine: fs.readFileSync("/tmp/mine", "utf8") });
`;

interface Attempt {
  readonly got?: unknown;
  readonly refused?: string;
}

describe("a hostile function", () => {
  let lambent: RunningLambent;
  let lambda: ReturnType<typeof lambdaClient>;
  const attack = async <T>(event: { action: string; [key: string]: unknown }): Promise<T> =>
    (await invoke(lambda, "attacker", event)).body as T;
  const victimLives = async (): Promise<void> => {
    const { body } = await invoke(lambda, "victim");
    assert.equal((body as { secret: string }).secret, "the-victims-secret");
  };

  before(async () => {
    lambent = await startLambent();
    lambda = lambdaClient(lambent.endpoint);
    await deploy(lambda, "attacker", { "index.mjs": ATTACKER }, { MemorySize: 256, Timeout: 120 });
    await deploy(
      lambda,
      "victim",
      { "index.mjs": VICTIM },
      { Environment: { Variables: { SECRET: "the-victims-secret" } } },
    );
    await victimLives();
  });
  after(async () => {
    await lambent?.stop();
  });

  test("runs in a real sandbox here, or this suite proves nothing", async () => {
    const health = (await (await fetch(`${lambent.endpoint}/health`)).json()) as {
      isolation: { isolates: boolean };
    };
    assert.equal(health.isolation.isolates, true);
  });

  test("is an unprivileged user without capabilities, under seccomp, with no foreign descriptors", async () => {
    const { uid, gid, status, descriptors } = await attack<{
      uid: number;
      gid: number;
      status: string;
      descriptors: string[];
    }>({ action: "identity" });
    assert.deepEqual([uid, gid], [993, 990]);
    for (const set of ["CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"])
      assert.match(status, new RegExp(`${set}:\\t0+\\n`));
    assert.match(status, /NoNewPrivs:\t1/);
    assert.match(status, /Seccomp:\t2/);
    assert.ok(descriptors.length < 40, `${descriptors.length} descriptors`);
  });

  for (const path of [
    "/etc/shadow",
    "/root/.bashrc",
    "/proc/kcore",
    "/proc/sysrq-trigger",
    "/sys/kernel/notes",
    "/dev/mem",
    "/dev/vda",
    "/dev/loop0",
  ]) {
    test(`cannot read the host's ${path}`, async () => {
      const result = await attack<Attempt>({ action: "readFile", path });
      assert.equal(result.got, undefined, JSON.stringify(result));
    });
  }

  test("sees no host directory with data in it", async () => {
    for (const path of [
      "/root",
      "/home",
      "/var/lib",
      "/var/log",
      "/srv",
      "/boot",
      "/run",
      "/sys",
      lambent.dataDirectory,
    ]) {
      const result = await attack<Attempt>({ action: "list", path });
      const names = (result.got as string[] | undefined) ?? [];
      assert.deepEqual(
        names.filter((name) => name !== "lambent"),
        [],
        `${path}: ${JSON.stringify(result)}`,
      );
    }
  });

  test("cannot write anywhere but /tmp", async () => {
    for (const path of [
      "/var/task/x",
      "/var/runtime/x",
      "/var/lang/x",
      "/opt/x",
      "/etc/x",
      "/usr/x",
      "/x",
      "/mnt/x",
      "/dev/shm/x",
      "/proc/sys/kernel/core_pattern",
      "/proc/sys/kernel/hostname",
    ]) {
      assert.ok((await attack<Attempt>({ action: "write", path })).refused, path);
    }
    assert.equal((await attack<Attempt>({ action: "write", path: "/tmp/x" })).got, "written");
  });

  test("sees no other process and no other function's secret", async () => {
    const { got } = await attack<{ got: [string, Attempt, Attempt][] }>({ action: "processes" });
    assert.ok(got.length < 10, `${got.length} processes`);
    assert.doesNotMatch(JSON.stringify(got), /the-victims-secret|lambent\.js|--data-dir/);
  });

  test("cannot signal processes outside", async () => {
    assert.equal((await attack<Attempt>({ action: "kill", pid: process.pid })).refused, "ESRCH");
  });

  test("reaches no port of the host, no metadata and no private network", async (t) => {
    const port = Number(new URL(lambent.endpoint).port);
    const listener = createServer((connection) => connection.end()).listen(0, "0.0.0.0");
    t.after(() => listener.close());
    await once(listener, "listening");
    const everywhere = listener.address() as AddressInfo;
    const hostAddresses = Object.values(networkInterfaces())
      .flatMap((addresses) => addresses ?? [])
      .filter(({ family, internal }) => family === "IPv4" && !internal)
      .map(({ address }) => address);
    const targets = [
      { host: "127.0.0.1", port },
      { host: "127.0.0.1", port: 22 },
      { host: "169.254.169.254", port: 80 },
      { host: "10.0.0.1", port: 80 },
      ...hostAddresses.map((host) => ({ host, port: everywhere.port })),
    ];
    for (const target of targets) {
      if (target.port === 4566) continue;
      assert.notEqual(await attack({ action: "connect", ...target }), "connected", JSON.stringify(target));
    }
  });

  test("cannot speak to the control plane beyond what its role allows", async () => {
    const list = await attack<{ status: number; text: string }>({
      action: "api",
      method: "GET",
      path: "/2015-03-31/functions",
    });
    assert.equal(list.status, 403, list.text);
    const remove = await attack<{ status: number; text: string }>({
      action: "api",
      method: "DELETE",
      path: "/2015-03-31/functions/victim",
      headers: {
        authorization: "AWS4-HMAC-SHA256 Credential=123456789012/20260101/us-east-1/lambda/aws4_request",
      },
    });
    assert.equal(remove.status, 403, remove.text);
    const health = await attack<{ status: number; text: string }>({
      action: "api",
      method: "GET",
      path: "/health",
    });
    assert.notEqual(health.status, 200, "the operator's pages are not for functions");
    const metrics = await attack<{ status: number; text: string }>({
      action: "api",
      method: "GET",
      path: "/metrics",
    });
    assert.notEqual(metrics.status, 200);
    await victimLives();
  });

  test("cannot make namespaces, mounts or raw sockets", async () => {
    for (const command of [
      "unshare -U true",
      "unshare -m true",
      "mount -t tmpfs none /tmp",
      "nsenter -t 1 -m true",
      "chroot / true",
    ]) {
      const { status } = await attack<{ status: number }>({ action: "shell", command });
      assert.notEqual(status, 0, command);
    }
    const raw = await attack<{ error: string; status: number }>({
      action: "shell",
      command: "/usr/bin/python3 -c 'import socket; socket.socket(socket.AF_PACKET, socket.SOCK_RAW)'",
    });
    assert.notEqual(raw.status, 0);
  });

  test("forks 10,000 processes: is stopped at AWS's 1,024 and nobody else notices", async () => {
    const { started, refused } = await attack<{ started: number; refused: number }>({
      action: "fork",
      count: 10_000,
    });
    assert.ok(started < 1024 && refused > 0, `started ${started}, refused ${refused}`);
    await victimLives();
  });

  test("fills /tmp: is stopped at its size, also when that is more than its memory", async () => {
    const result = await attack<{ written: number; refused: string }>({ action: "fill", megabytes: 2000 });
    assert.equal(result.refused, "ENOSPC");
    assert.ok(result.written > 300 && result.written <= 520, `${result.written} MB`);
    await victimLives();
  });

  test("eats all memory: dies alone with AWS's error", async () => {
    const { body, functionError, log } = await invoke(lambda, "attacker", { action: "eat" });
    assert.equal(functionError, "Unhandled");
    assert.equal((body as { errorType: string }).errorType, "Runtime.OutOfMemory");
    assert.match(log, /Max Memory Used: 256 MB\t.*Status: error\tError Type: Runtime.OutOfMemory/);
    await victimLives();
  });

  test("leaves nothing behind when Lambent stops", async () => {
    const code = await lambent.stop();
    assert.equal(code, 0);
    const commands = readdirSync("/proc").filter((name) => /^\d+$/.test(name));
    assert.ok(commands.length > 0);
  });
});
