import assert from "node:assert/strict";
import { readdir, readFile } from "node:fs/promises";
import { createServer } from "node:net";
import { test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { enterPrivateMountNamespace } from "../../src/adapters/sandbox-bubblewrap/private-mount-namespace.ts";
import type { RunningAttempt } from "../support/sandboxes.ts";
import { canIsolate, openSandboxes } from "../support/sandboxes.ts";

enterPrivateMountNamespace(process.argv.slice(1));

/** A server inside that does what `answer` says with each connection's `socket` and tells what it has read. */
const listener = (answer: string): string => `
  const server = net.createServer((socket) => {
    let text = "";
    socket.on("error", () => {});
    socket.on("data", (chunk) => { text += chunk; ${answer} });
    socket.on("end", () => { console.log("got " + text.length + " " + text.slice(0, 20)); socket.end(); });
  });
  server.listen(5000, "127.0.0.1", () => console.log("listens"));
  await new Promise(() => setInterval(() => {}, 1000));`;

async function untilSaid({ output }: RunningAttempt, pattern: RegExp): Promise<void> {
  for (const deadline = performance.now() + 10_000; !pattern.test(output.text); await delay(10))
    assert.ok(performance.now() < deadline, output.text);
}

/** Ids of the shells that carry bytes to this port. */
async function shellsFor(port: number): Promise<string[]> {
  const found: string[] = [];
  for (const id of (await readdir("/proc")).filter((name) => /^\d+$/.test(name))) {
    const words = (await readFile(`/proc/${id}/cmdline`, "latin1").catch(() => "")).split("\0");
    if (words.includes("relay") && words.at(-2) === String(port)) found.push(id);
  }
  return found;
}

test("messages arrive whole, each over a connection of its own, and the answer's first line comes back", async (t) => {
  if (!canIsolate(t)) return;
  const sandboxes = await openSandboxes(t);
  const attempt = await sandboxes.start(
    listener(
      `if (text.endsWith("!")) { socket.end("HTTP/1.1 204 Gone\\r\\nrest\\r\\n"); console.log("got " + text.length); }`,
    ),
  );
  await untilSaid(attempt, /listens/);
  const relay = attempt.sandbox.openRelay!(5000, "connection per message");
  assert.equal(await relay.send(Buffer.from("hello!")), "HTTP/1.1 204 Gone");
  assert.equal(await relay.send(Buffer.from(`${"x".repeat(999_999)}!`)), "HTTP/1.1 204 Gone");
  await untilSaid(attempt, /got 6\n[\s\S]*got 1000000\n/);
  relay.close();
  await assert.rejects(relay.send(Buffer.from("late!")), /closed/);
});

test("one connection carries everything, and is made anew when it has ended", async (t) => {
  if (!canIsolate(t)) return;
  const sandboxes = await openSandboxes(t);
  const attempt = await sandboxes.start(
    listener(`console.log("so far " + text); if (text.endsWith("bye")) socket.destroy();`),
  );
  await untilSaid(attempt, /listens/);
  const relay = attempt.sandbox.openRelay!(5000, "one connection");
  await relay.send(Buffer.from("one "));
  await untilSaid(attempt, /so far one \n/);
  await relay.send(Buffer.from("bye"));
  await untilSaid(attempt, /so far one bye\n/);
  for (;;) {
    // What is sent before the end is noticed is lost, as on any connection.
    await relay.send(Buffer.from("again ")).catch(() => undefined);
    if (/so far (again )+\n/.test(attempt.output.text)) break;
    await delay(20);
  }
});

test("the shell has the sandbox's network and user and none of the host's, and ends with it", async (t) => {
  if (!canIsolate(t)) return;
  const sandboxes = await openSandboxes(t);
  const attempt = await sandboxes.start(listener(`socket.end("200\\n");`));
  await untilSaid(attempt, /listens/);
  const outside = createServer((socket) => socket.destroy());
  outside.listen(0, "127.0.0.1");
  t.after(() => outside.close());
  await new Promise((resolve) => outside.once("listening", resolve));
  const { port } = outside.address() as { port: number };
  await assert.rejects(
    attempt.sandbox.openRelay!(port, "connection per message").send(Buffer.from("x")),
    /connection refused/,
  );
  await attempt.sandbox.openRelay!(5000, "connection per message").send(Buffer.from("x"));
  const [shell] = await shellsFor(5000);
  const status = await readFile(`/proc/${shell}/status`, "utf8");
  assert.ok(Number(/^Uid:\s(\d+)/m.exec(status)?.[1]) > 60_000, status);
  assert.ok(Number(/^Gid:\s(\d+)/m.exec(status)?.[1]) > 60_000, status);
  assert.match(status, /^Groups:\s*$/m);
  assert.match(status, /^CapEff:\s0{16}$/m);
  assert.match(await readFile(`/proc/${shell}/cgroup`, "latin1"), /lambent/);
  await attempt.sandbox.stop();
  assert.deepEqual(await shellsFor(5000), []);
});

test("a listener that reads nothing, closes early or babbles does no harm to the next message", async (t) => {
  if (!canIsolate(t)) return;
  const sandboxes = await openSandboxes(t);
  const attempt = await sandboxes.start(`
    let count = 0;
    net.createServer((socket) => {
      socket.on("error", () => {});
      count += 1;
      if (count === 1) socket.destroy();
      else if (count === 2) { socket.write("y".repeat(1_000_000)); socket.resume(); setTimeout(() => socket.destroy(), 50); }
      else socket.end("200 fine\\n");
    }).listen(5000, "127.0.0.1", () => console.log("listens"));
    await new Promise(() => setInterval(() => {}, 1000));`);
  await untilSaid(attempt, /listens/);
  const relay = attempt.sandbox.openRelay!(5000, "connection per message");
  assert.equal(await relay.send(Buffer.from("z".repeat(3_000_000))), "");
  assert.match(await relay.send(Buffer.from("second")), /^y{200}$/);
  assert.equal(await relay.send(Buffer.from("third")), "200 fine");
});
