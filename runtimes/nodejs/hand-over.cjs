"use strict";

const { nodeBindings } = require("./node-bindings.cjs");

const LOOPBACK = "127.0.0.1";
const BACKLOG = 511;
const CHANNEL_FD = 3;

/**
 * Opens the ports named in LAMBENT_LISTEN ("runtime-api=9001,aws-endpoint=4566") on the sandbox's own loopback
 * interface, gives the listening sockets to the platform over file descriptor 3 as Node gives them to its parent, and
 * resolves when the platform has closed that channel. Where it is empty they have been opened already. Without LAMBENT_LISTEN there is nothing to hand over.
 * Afterwards neither the variables nor the channel remain for the function to see. Returns whether the function is yet
 * to come (LAMBENT_RESERVE).
 */
async function handOverListeners() {
  const wanted = process.env.LAMBENT_LISTEN;
  const isReserve = process.env.LAMBENT_RESERVE === "1";
  if (wanted !== undefined) {
    const listeners = wanted
      .split(",")
      .filter(Boolean)
      .map((entry) => entry.split("="));
    const bindings =
      process.send === undefined ? nodeBindings("pipe_wrap", "stream_wrap", "tcp_wrap") : undefined;
    await (bindings === undefined ? giveOverChannel(listeners) : giveOverPipe(bindings, listeners));
  }
  for (const name of Object.keys(process.env)) {
    if (name.startsWith("LAMBENT_") || name.startsWith("NODE_CHANNEL_")) delete process.env[name];
  }
  // A function that looks for a parent process to talk to must find none.
  for (const name of ["send", "disconnect", "connected", "channel", "_channel"]) delete process[name];
  return isReserve;
}

/** Everything is sent at once; the platform reads one listener after the other. */
function giveOverPipe({ pipe_wrap, stream_wrap, tcp_wrap }, listeners) {
  const { Pipe, constants } = pipe_wrap;
  const pipe = new Pipe(constants.IPC);
  return new Promise((resolve, reject) => {
    const check = (what, error) => {
      if (error) reject(new Error(`${what} failed during the hand-over: ${error}`));
    };
    check("Opening the channel", pipe.open(CHANNEL_FD));
    // What comes are acknowledgements, until the platform closes the channel.
    pipe.onread = (data) => {
      if (data !== undefined) return;
      pipe.close();
      resolve();
    };
    pipe.readStart();
    for (const [listener, port] of listeners) {
      const server = listen(tcp_wrap, Number(port), check);
      const request = new stream_wrap.WriteWrap();
      // Our copy of the socket is closed once it is sent: only the platform may accept its connections.
      request.oncomplete = (error) => {
        check(`Sending ${listener}`, error);
        server.close();
      };
      const message = { cmd: "NODE_HANDLE", type: "net.Server", msg: { listener } };
      check(`Sending ${listener}`, pipe.writeUtf8String(request, `${JSON.stringify(message)}\n`, server));
    }
  });
}

function listen({ TCP, constants }, port, check) {
  const server = new TCP(constants.SERVER);
  check(`Binding port ${port}`, server.bind(LOOPBACK, port));
  check(`Listening on port ${port}`, server.listen(BACKLOG));
  return server;
}

/** Over an IPC channel of Node's, with which this process may have been started. */
async function giveOverChannel(listeners) {
  if (process.send === undefined)
    process.getBuiltinModule("node:child_process")._forkChild(CHANNEL_FD, "json");
  const disconnected = new Promise((resolve) => process.once("disconnect", resolve));
  for (const [listener, port] of listeners) await giveListener(listener, Number(port));
  await disconnected;
}

async function giveListener(listener, port) {
  const { createServer } = process.getBuiltinModule("node:net");
  const server = createServer();
  await new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen({ host: LOOPBACK, port, backlog: BACKLOG }, resolve);
  });
  await new Promise((resolve, reject) => {
    process.send({ listener }, server, {}, (error) => (error ? reject(error) : resolve()));
  });
  server.close();
}

module.exports = { handOverListeners };
