/** An environment of Node.js in reserve may get its function at any moment of what it does while it waits. */
import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { commandOnHost, discoverForTests } from "../support/installed-runtimes.ts";
import { RuntimeProcess } from "../support/runtime-process.ts";

const FUNCTION = `
exports.handler = async (event) => ({
  event, environment: process.env, loaded: Object.keys(require.cache), resources: process.getActiveResourcesInfo(),
  globals: Object.getOwnPropertyNames(globalThis).sort(), own: Object.getOwnPropertyNames(process).sort(),
  listeners: process.eventNames().map((name) => [String(name), process.listenerCount(name)]).sort(),
});`;
/** What happens meanwhile takes some tens of milliseconds, from a tenth of a second on. */
const MOMENTS_MS = [0, 90, 100, 102, 104, 106, 108, 110, 113, 116, 120, 125, 130, 140, 150, 170, 200, 500];
const HEADER_BYTES = 5;
const REQUEST_ID = "8476a536-e9f4-11e8-9739-000000000001";
const UPGRADE = "HTTP/1.1 200 OK\r\nUpgrade: lambent-channel\r\nContent-Length: ";

const directory = await mkdtemp(join(tmpdir(), "lambent-waiting-"));
after(() => rm(directory, { recursive: true, force: true }));
await writeFile(join(directory, "index.js"), FUNCTION);
// There is no /var/task outside of a sandbox.
await writeFile(join(directory, "here.cjs"), "process.chdir = () => {};");

/** Deadline, lengths of the texts, the id, the payload. */
function eventFrame(payload: string): Buffer {
  const fixed = Buffer.alloc(17);
  fixed[8] = REQUEST_ID.length;
  const body = Buffer.concat([fixed, Buffer.from(REQUEST_ID + payload)]);
  const header = Buffer.alloc(HEADER_BYTES);
  header.writeUInt32BE(body.length);
  header[4] = 1;
  return Buffer.concat([header, body]);
}

/** Resolves with what has come when `isWhole` says so. */
function read(socket: Socket, isWhole: (bytes: Buffer) => boolean): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    let bytes = Buffer.alloc(0);
    const take = (part: Buffer): void => {
      bytes = Buffer.concat([bytes, part]);
      if (!isWhole(bytes)) return;
      socket.off("data", take).off("close", reject);
      resolve(bytes);
    };
    socket.on("data", take).once("close", reject);
  });
}

const isFrame = (bytes: Buffer): boolean =>
  bytes.length >= HEADER_BYTES && bytes.length >= HEADER_BYTES + bytes.readUInt32BE();

/** What a function finds that is assigned so long after its environment has asked for one. */
async function assignedAfter(command: string[], afterMs: number): Promise<object> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = `127.0.0.1:${(server.address() as { port: number }).port}`;
  const connected = new Promise<Socket>((resolve) => server.once("connection", resolve));
  const started = {
    LAMBENT_RESERVE: "1",
    AWS_LAMBDA_RUNTIME_API: address,
    NODE_OPTIONS: `--require ${directory}/here.cjs`,
  };
  const waiting = new RuntimeProcess({ command, cwd: directory, environmentVariables: started });
  try {
    const socket = await connected;
    await read(socket, (bytes) => bytes.includes("\r\n\r\n"));
    await delay(afterMs);
    const environmentVariables = {
      AWS_LAMBDA_RUNTIME_API: "the same",
      LAMBDA_TASK_ROOT: directory,
      _HANDLER: "index.handler",
    };
    const answer = `${JSON.stringify({ environmentVariables })}\n`;
    socket.write(`${UPGRADE}${Buffer.byteLength(answer)}\r\n\r\n${answer}`);
    assert.equal((await read(socket, isFrame))[4], 1, "it asks for an event");
    socket.write(eventFrame('{"number":1}'));
    const response = await read(socket, isFrame);
    assert.equal(response[4], 4, "it answers, and asks for the next one");
    return JSON.parse(response.toString("utf8", HEADER_BYTES + 1 + REQUEST_ID.length)) as object;
  } finally {
    waiting.child.kill("SIGKILL");
    await waiting.exited;
    server.close();
  }
}

for (const { identifier, program } of (await discoverForTests([], join(directory, "packs"))).list()) {
  if (!identifier.startsWith("nodejs")) continue;
  test(`${identifier} serves whenever its function comes, and shows nothing of its waiting`, async () => {
    const command = commandOnHost(program);
    const atOnce = await assignedAfter(command, 0);
    assert.deepEqual((atOnce as { event: object }).event, { number: 1 });
    for (const moment of MOMENTS_MS) {
      assert.deepEqual(await assignedAfter(command, moment), atOnce, `after ${moment} ms`);
    }
  });
}
