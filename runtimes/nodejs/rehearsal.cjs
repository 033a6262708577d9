"use strict";

const { nodeBindings } = require("./node-bindings.cjs");
const { RuntimeApiClient } = require("./runtime-api-client.cjs");

const { Socket } = process.getBuiltinModule("node:net");

/** Without a function for so long, it is not what someone waits for. */
const QUIET_MS = 100;
const LOOPBACK = "127.0.0.1";
const EVENT = '{"rehearsal":true,"list":[1,2,3],"text":"\u00e9"}';
const REQUEST_ID = "00000000-0000-0000-0000-000000000000";
const SWITCHING =
  "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: lambent-channel\r\n\r\n";

/**
 * Gets an environment that waits for its function ready while it waits, in steps, so that one that is wanted at once
 * neither waits for that nor spends the time.
 */
class Rehearsal {
  #steps;
  #timer;
  #underWay;
  #isStopped = false;

  /** `steps` does a part of the work with each turn. */
  constructor(steps) {
    this.#steps = steps;
    this.#timer = setTimeout(() => {
      this.#underWay = this.#run();
    }, QUIET_MS);
  }

  /** Promises that the step that is under way is over; undefined when there is none. */
  stop() {
    this.#isStopped = true;
    clearTimeout(this.#timer);
    return this.#underWay;
  }

  async #run() {
    try {
      for await (const _ of this.#steps) if (this.#isStopped) break;
    } catch {
      // What cannot be played through is met for the first time when it counts.
    }
    this.#underWay = undefined;
  }
}

/**
 * Plays some rounds of invocations against ourselves before there is a function, so that the first real one finds everything
 * loaded and compiled. `serve` is the runtime's own loop body. Leaves nothing that a function could see.
 */
async function* rehearseServing(serve, rounds) {
  const sockets = [];
  const server = listen((socket) => {
    sockets.push(socket);
    answer(socket);
  });
  const client = new RuntimeApiClient(server.address);
  // Node looks there whenever a socket is destroyed, and a look opens it, for functions to see.
  const standardError = Object.getOwnPropertyDescriptor(process, "stderr");
  Object.defineProperty(process, "stderr", { configurable: true, value: undefined });
  try {
    for (let round = 0; round < rounds; round++) yield await serve(client);
  } finally {
    client.close();
    server.close();
    const open = sockets.filter((socket) => !socket.closed);
    await Promise.all(open.map((socket) => new Promise((resolve) => socket.once("close", resolve))));
    Object.defineProperty(process, "stderr", standardError);
  }
}

function answer(socket) {
  socket.setNoDelay(true);
  const event = eventFrame();
  let greeting = Buffer.from(SWITCHING);
  socket.on("data", () => {
    socket.write(Buffer.concat([greeting, event]));
    greeting = Buffer.alloc(0);
  });
  socket.on("error", () => {});
}

/** On any free port; `net.createServer` would load more than all of the client. */
function listen(onSocket) {
  const { TCP, constants } = nodeBindings("tcp_wrap").tcp_wrap;
  const server = new TCP(constants.SERVER);
  server.bind(LOOPBACK, 0);
  server.listen(1);
  server.onconnection = (_error, handle) => onSocket(new Socket({ handle, readable: true, writable: true }));
  const bound = {};
  server.getsockname(bound);
  return { address: `${LOOPBACK}:${bound.port}`, close: () => server.close() };
}

/** An event as `readEvent` in runtime-channel.mjs takes it: deadline, lengths, texts, payload. */
function eventFrame() {
  const payload = Buffer.from(EVENT);
  const fixed = Buffer.alloc(22);
  fixed.writeUInt32BE(fixed.length - 5 + REQUEST_ID.length + payload.length, 0);
  fixed[4] = 1;
  fixed[13] = REQUEST_ID.length;
  return Buffer.concat([fixed, Buffer.from(REQUEST_ID), payload]);
}

module.exports = { Rehearsal, rehearseServing };
