import { createServer } from "node:net";
import { RuntimeApiClient } from "./runtime-api-client.mjs";

const ROUNDS = 60;
const EVENT = '{"rehearsal":true,"list":[1,2,3],"text":"é"}';
const ANSWERS = {
  GET: `HTTP/1.1 200 OK\r\nLambda-Runtime-Aws-Request-Id: 00000000-0000-0000-0000-000000000000\r\nLambda-Runtime-Deadline-Ms: 0\r\nLambda-Runtime-Invoked-Function-Arn: arn\r\nContent-Type: application/json\r\nContent-Length: ${Buffer.byteLength(EVENT)}\r\n\r\n${EVENT}`,
  POST: "HTTP/1.1 202 Accepted\r\nContent-Type: application/json\r\nContent-Length: 16\r\n\r\n".concat(
    '{"status":"OK"}\n',
  ),
};

/**
 * Plays some invocations against ourselves before there is a function, so that the first real one finds everything
 * loaded and compiled. `serve` is the runtime's own loop body. Leaves nothing that a function could see.
 */
export async function rehearse(serve) {
  const server = createServer((socket) => {
    socket.setNoDelay(true);
    socket.on("data", (request) => socket.write(request[0] === 71 ? ANSWERS.GET : ANSWERS.POST));
    socket.on("error", () => {});
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  const client = new RuntimeApiClient(`127.0.0.1:${server.address().port}`);
  for (let round = 0; round < ROUNDS; round++) await serve(client);
  client.close();
  await new Promise((resolve) => server.close(resolve));
}
