/**
 * The limit that a warm invocation is measured against: a `node:http` reverse proxy that does nothing but pass on, over
 * kept-alive connections, to the port in its first argument. Prints its own port.
 */
import { Agent, request as ask, createServer } from "node:http";
import type { AddressInfo } from "node:net";

const port = Number(process.argv[2]);
const agent = new Agent({ keepAlive: true, maxSockets: Number.POSITIVE_INFINITY });

const server = createServer((incoming, outgoing) => {
  const { method, url: path, headers } = incoming;
  const upstream = ask({ host: "127.0.0.1", port, agent, method, path, headers }, (answer) => {
    outgoing.writeHead(answer.statusCode ?? 502, answer.headers);
    answer.pipe(outgoing);
  });
  upstream.on("error", () => outgoing.writeHead(502).end());
  incoming.pipe(upstream);
});
server.listen(0, "127.0.0.1", () => console.log((server.address() as AddressInfo).port));
