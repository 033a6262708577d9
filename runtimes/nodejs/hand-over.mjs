const { createServer } = process.getBuiltinModule("node:net");

/**
 * Opens the ports named in LAMBENT_LISTEN ("runtime-api=9001,aws-endpoint=4566") on the sandbox's own loopback
 * interface, gives the listening sockets to the platform over Node's IPC channel (file descriptor 3), and resolves
 * when the platform has closed the channel. Without LAMBENT_LISTEN there is nothing to hand over.
 * Afterwards neither the variables nor the channel remain for the function to see. Returns whether the function is yet
 * to come (LAMBENT_RESERVE).
 */
export async function handOverListeners() {
  const wanted = process.env.LAMBENT_LISTEN;
  const isReserve = process.env.LAMBENT_RESERVE === "1";
  if (wanted !== undefined) {
    if (process.send === undefined) throw new Error("LAMBENT_LISTEN is set, but there is no IPC channel.");
    const disconnected = new Promise((resolve) => process.once("disconnect", resolve));
    for (const entry of wanted.split(",")) {
      const [listener, port] = entry.split("=");
      await giveListener(listener, Number(port));
    }
    await disconnected;
  }
  for (const name of Object.keys(process.env)) {
    if (name.startsWith("LAMBENT_") || name.startsWith("NODE_CHANNEL_")) delete process.env[name];
  }
  // A function that looks for a parent process to talk to must find none.
  for (const name of ["send", "disconnect", "connected", "channel", "_channel"]) delete process[name];
  return isReserve;
}

/** Our copy of the socket is closed once it is sent: only the platform may accept its connections. */
async function giveListener(listener, port) {
  const server = createServer();
  await new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen({ host: "127.0.0.1", port, backlog: 511 }, resolve);
  });
  await new Promise((resolve, reject) => {
    process.send({ listener }, server, {}, (error) => (error ? reject(error) : resolve()));
  });
  server.close();
}
