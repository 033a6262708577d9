import assert from "node:assert/strict";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { enterPrivateMountNamespace } from "../../src/adapters/sandbox-bubblewrap/private-mount-namespace.ts";
import { ATTACK_PROGRAM, canIsolate, openSandboxes } from "../support/sandboxes.ts";

enterPrivateMountNamespace(process.argv.slice(1));

/** Without the helper, which opens the listeners before the program runs. */
const BY_THE_PROGRAM = { compiler: null };

/**
 * Environment variables such as NODE_OPTIONS run a function's code before the runtime hands its listeners over, so
 * the channel to the host has a stranger at its other end. Each of these ends Node's own reader of such a channel, or
 * the process it is in.
 */
const ATTEMPTS: Record<string, string> = {
  "a line that is not JSON": `write("{]\\n")`,
  "an acknowledgement nobody asked for": `write('{"cmd":"NODE_HANDLE_ACK"}\\n')`,
  "an unknown type of handle": `process._send({ cmd: "NODE_HANDLE", type: "no.such", msg: {} }, listening._handle, { keepOpen: true })`,
  "a message without a handle": `write('{"cmd":"NODE_HANDLE","type":"net.Server","msg":{"listener":"runtime-api"}}\\n')`,
  "an ordinary message": `process.send("hello")`,
  "a listener on another port": `process.send({ listener: "runtime-api" }, listening)`,
  "the same listener twice": `net.createServer().listen(9001, "127.0.0.1", function () { process.send({ listener: "runtime-api" }, this); process.send({ listener: "runtime-api" }, this); })`,
  "a listener under another name": `net.createServer().listen(9001, "127.0.0.1", function () { process.send({ listener: "constructor" }, this); })`,
  "a connection in place of a listener": `net.connect(listening.address().port, "127.0.0.1", function () { process.send({ listener: "runtime-api" }, this); })`,
  "a named socket": `net.createServer().listen("/tmp/socket", function () { process.send({ listener: "runtime-api" }, this); })`,
  "an endless line": `for (;;) write("x".repeat(65536))`,
  "an endless stream of good messages": `for (;;) write('{"cmd":"NODE_HANDLE","type":"net.Server","msg":{"listener":"runtime-api"}}\\n'.repeat(100))`,
  "the end of the channel": `process.disconnect()`,
  "the end of the program": `process.exit(3)`,
};

const PRELOADED = `
const fs = require("node:fs"), net = require("node:net");
const channel = Number(process.env.LAMBENT_LISTEN && 3);
require("node:child_process")._forkChild(channel, "json");
const write = (text) => { const bytes = Buffer.from(text); for (let done = 0; done < bytes.length; ) { try { done += fs.writeSync(channel, bytes, done); } catch (error) { if (error.code !== "EAGAIN") throw error; } } };
const listening = net.createServer().listen(0, "127.0.0.1");
listening.once("listening", () => { ATTEMPT; });
// The real hand-over never gets its turn.
process.once = () => process; setInterval(() => {}, 1000);
`;

for (const [name, attempt] of Object.entries(ATTEMPTS)) {
  test(`${name} ends the sandbox and nothing else`, async (t) => {
    if (!canIsolate(t)) return;
    const sandboxes = await openSandboxes(t, "none", BY_THE_PROGRAM);
    const preload = join(sandboxes.dataDirectory, "preload");
    await mkdir(preload, { mode: 0o755 });
    await writeFile(
      join(preload, "first.cjs"),
      PRELOADED.replace("ATTEMPT", () => attempt),
    );
    // A program that never hands over by itself, so that only the attempt speaks.
    await writeFile(join(preload, "idle.cjs"), "setInterval(() => {}, 1000);");
    const program = {
      command: ["/var/lang/bin/node", "/var/preload/idle.cjs"],
      mounts: [...ATTACK_PROGRAM.mounts, { hostPath: preload, sandboxPath: "/var/preload" }],
    };
    const environmentVariables = { NODE_OPTIONS: "--require /var/preload/first.cjs" };
    const refused =
      /did not start: (something other than|too much was sent|the program ended (its channel )?before)/;
    await assert.rejects(sandboxes.start("", { program, environmentVariables }), refused);
    const { outcome } = await sandboxes.run<number>("return 1;");
    assert.equal(outcome, 1);
  });
}

test("a program that never hands over is given up", async (t) => {
  if (!canIsolate(t)) return;
  const sandboxes = await openSandboxes(t, "none", BY_THE_PROGRAM);
  const program = { ...ATTACK_PROGRAM, command: ["/var/lang/bin/node", "-e", "setInterval(() => {}, 1000)"] };
  await assert.rejects(sandboxes.start("", { program }), /no hand-over within 10000 ms/);
});

test("what a program says before it fails is in the error", async (t) => {
  if (!canIsolate(t)) return;
  const sandboxes = await openSandboxes(t, "none", BY_THE_PROGRAM);
  const program = { ...ATTACK_PROGRAM, command: ["/bin/sh", "-c", "echo the reason >&2; exit 4"] };
  await assert.rejects(sandboxes.start("", { program }), /exit status 4.*the reason/s);
  const missing = { ...ATTACK_PROGRAM, command: ["/no/such/program"] };
  await assert.rejects(sandboxes.start("", { program: missing }), /No such file or directory/);
});

test("a variable with a NUL character is refused", async (t) => {
  if (!canIsolate(t)) return;
  const sandboxes = await openSandboxes(t);
  await assert.rejects(sandboxes.start("", { environmentVariables: { X: "a\0--bind\0/\0/host" } }), /NUL/);
});
