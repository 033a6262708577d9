/**
 * The least a Node server can do that answers when something is on disk: reads the request, puts its body into the store's
 * queue, alone with a commit for all that come at once, and answers 202. Takes the store's directory; prints its port.
 */
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { systemClock } from "../../src/adapters/clock-system/clock-system.ts";
import { openSqliteStore } from "../../src/adapters/store-sqlite/store-sqlite.ts";

const [, , dataDirectory = ""] = process.argv;
/** What an event has beside what was sent: who sent it, for whom, when. */
const NOTED = Buffer.alloc(284, "v");
const store = await openSqliteStore({ dataDirectory, clock: systemClock });

const server = createServer((request, response) => {
  const chunks: Buffer[] = [NOTED];
  request.on("data", (chunk: Buffer) => chunks.push(chunk));
  request.on("end", async () => {
    await store.queue.enqueue("bench", [{ body: Buffer.concat(chunks) }]);
    response.writeHead(202, { "content-length": 0 });
    response.end();
  });
});
server.listen(0, "127.0.0.1", () => console.log((server.address() as AddressInfo).port));
