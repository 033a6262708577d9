import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { type AddressInfo, connect, type Socket } from "node:net";
import { after, before, describe, test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { endStalledRequests } from "../../src/stalled-requests.ts";

const ROUND_MS = 50;
/** More rounds than a connection is left still for. */
const LONG_MS = ROUND_MS * 8;

describe("requests that do not go on", { timeout: 30_000 }, () => {
  let server: Server;
  let serve: (message: IncomingMessage, response: ServerResponse) => void;

  before(async () => {
    server = createServer((message, response) => serve(message, response));
    endStalledRequests(server, ROUND_MS);
    await once(server.listen(0, "127.0.0.1"), "listening");
  });
  after(async () => {
    server.closeAllConnections();
    server.close();
    await once(server, "close");
  });

  const open = (text: string): Socket => {
    const socket = connect({ port: (server.address() as AddressInfo).port, host: "127.0.0.1" });
    socket.on("error", () => undefined).on("data", () => undefined);
    socket.write(text);
    return socket;
  };
  const put = (bytes: number): string => `PUT / HTTP/1.1\r\nHost: x\r\nContent-Length: ${bytes}\r\n\r\n`;

  test("are ended, whether they have been answered or are being read", async () => {
    serve = (_message, response) => void response.writeHead(403).end();
    const refused = open(`${put(10)}a`);
    await once(refused, "close");
    serve = (message) => void message.resume();
    const read = open(`${put(10)}a`);
    await once(read, "close");
  });

  test("are left while they go on, however slowly", async () => {
    const body = new Promise<string>((resolve) => {
      serve = (message, response) => {
        let text = "";
        message.on("data", (chunk: Buffer) => {
          text += chunk.toString();
        });
        message.on("end", () => {
          response.end();
          resolve(text);
        });
      };
    });
    const slow = open(put(20));
    for (let at = 0; at < 20; at++) {
      await delay(ROUND_MS);
      slow.write("a");
    }
    assert.equal(await body, "a".repeat(20));
    slow.destroy();
  });

  test("are left while nobody reads them on, and while they wait for their answers", async () => {
    let reader: IncomingMessage | undefined;
    serve = (message) => {
      reader = message;
    };
    const unread = open(put(200_000) + "a".repeat(150_000));
    await delay(LONG_MS);
    assert.equal(unread.destroyed, false);
    reader?.resume();
    unread.write("a".repeat(50_000));
    await once(reader as IncomingMessage, "end");
    await delay(LONG_MS);
    assert.equal(unread.readyState, "open");
    unread.destroy();
  });
});
