/**
 * The least a Node server can do: reads the request, answers a few bytes, or those of the file it is given. Prints its
 * port.
 */
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";

const [, , file] = process.argv;
const answer = file === undefined ? Buffer.from('"hello"') : readFileSync(file);

const server = createServer((request, response) => {
  request.resume().on("end", () => {
    response.writeHead(200, { "content-type": "application/json", "content-length": answer.length });
    response.end(answer);
  });
});
server.listen(0, "127.0.0.1", () => console.log((server.address() as AddressInfo).port));
