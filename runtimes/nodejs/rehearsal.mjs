import { RuntimeApiClient } from "./runtime-api-client.mjs";

const { createServer } = process.getBuiltinModule("node:net");

const ROUNDS = 60;
const EVENT = '{"rehearsal":true,"list":[1,2,3],"text":"é"}';
const REQUEST_ID = "00000000-0000-0000-0000-000000000000";
const SWITCHING =
  "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: lambent-channel\r\n\r\n";

/**
 * Plays some invocations against ourselves before there is a function, so that the first real one finds everything
 * loaded and compiled. `serve` is the runtime's own loop body. Leaves nothing that a function could see.
 */
export async function rehearse(serve) {
  const server = createServer((socket) => {
    socket.setNoDelay(true);
    const event = eventFrame();
    let greeting = Buffer.from(SWITCHING);
    socket.on("data", () => {
      socket.write(Buffer.concat([greeting, event]));
      greeting = Buffer.alloc(0);
    });
    socket.on("error", () => {});
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  const client = new RuntimeApiClient(`127.0.0.1:${server.address().port}`);
  for (let round = 0; round < ROUNDS; round++) await serve(client);
  client.close();
  await new Promise((resolve) => server.close(resolve));
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
