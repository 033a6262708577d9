import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer, type IncomingMessage, request, type Server, type ServerResponse } from "node:http";
import {
  type AddressInfo,
  createServer as createNetServer,
  type Server as NetServer,
  type Socket,
} from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { buffer, text } from "node:stream/consumers";
import { after, before, beforeEach, describe, test } from "node:test";
import { type Announcement, acceptAnnounced } from "../../src/data-plane/announced-connection.ts";
import { Forwarding } from "../../src/data-plane/forwarding.ts";

type Listener = (message: IncomingMessage, response: ServerResponse) => void;

describe("requests that a data-plane process hands on", () => {
  let directory: string;
  let inside: NetServer;
  let main: Server;
  let front: Server;
  let origin: URL;
  const announced: Announcement[] = [];
  const open = new Set<Socket>();
  let answer: Listener;

  before(async () => {
    directory = await mkdtemp(join(tmpdir(), "lambent-forwarding-"));
    const path = join(directory, "main.sock");
    main = createServer((message, response) => answer(message, response));
    inside = createNetServer((socket) => {
      open.add(socket);
      acceptAnnounced(socket, (announcement) => {
        announced.push(announcement);
        main.emit("connection", socket);
      });
    });
    await once(inside.listen(path), "listening");
    const forwarding = new Forwarding(path);
    // What is told to have been read is read here first.
    front = createServer((message, response) => {
      if (message.headers["x-read"] === undefined) forwarding.forward(message, response);
      else void buffer(message).then((body) => forwarding.forward(message, response, body));
    });
    await once(front.listen(0, "127.0.0.1"), "listening");
    origin = new URL(`http://127.0.0.1:${(front.address() as AddressInfo).port}`);
  });
  after(async () => {
    front.close();
    front.closeAllConnections();
    for (const socket of open) socket.destroy();
    inside.close();
    await rm(directory, { recursive: true });
  });
  beforeEach(() => {
    announced.length = 0;
  });

  test("arrive as they were sent, and so do their answers", async () => {
    answer = async (message, response) => {
      const body = await text(message);
      response.writeHead(203, "As It Is", ["X-One", "1", "X-one", "2", "Content-Type", "text/x"]);
      response.end(JSON.stringify([message.method, message.url, message.rawHeaders, body]));
    };
    const headers = ["Host", "a.example", "X-Mixed", "1", "x-mixed", "2", "Content-Length", "4"];
    for (const read of [[], ["X-Read", "yes"]]) {
      const sent = request(origin, { method: "PUT", path: "/a%2Fb?c=%20d", headers: [...headers, ...read] });
      sent.end("body");
      const [got] = (await once(sent, "response")) as [IncomingMessage];
      assert.deepEqual([got.statusCode, got.statusMessage], [203, "As It Is"]);
      assert.deepEqual(got.rawHeaders.slice(0, 6), ["X-One", "1", "X-one", "2", "Content-Type", "text/x"]);
      const [method, url, raw, body] = JSON.parse(await text(got)) as [string, string, string[], string];
      assert.deepEqual([method, url, body], ["PUT", "/a%2Fb?c=%20d", "body"]);
      assert.deepEqual(raw.slice(0, 6), headers.slice(0, 6));
      assert.equal(raw.filter((name) => name.toLowerCase() === "content-length").length, 1);
    }
  });

  test("announce where their client is, once for each of its connections", async () => {
    answer = (message, response) => {
      message.resume();
      response.end(String(message.socket.remoteAddress));
    };
    await (await fetch(origin)).text();
    await (await fetch(origin, { method: "HEAD" })).text();
    assert.ok(announced.length >= 1);
    for (const announcement of announced) {
      assert.ok(announcement.kind === "client");
      assert.equal(announcement.remoteAddress, "127.0.0.1");
      assert.equal(typeof announcement.remotePort, "number");
    }
  });

  test("stream both ways", async () => {
    answer = (message, response) => {
      response.writeHead(200);
      response.write("first ");
      message.pipe(response);
    };
    const sent = request(origin, { method: "POST" });
    sent.write("second ");
    const [got] = (await once(sent, "response")) as [IncomingMessage];
    let came = "";
    got.on("data", (piece: Buffer) => {
      came += String(piece);
    });
    await once(got, "data");
    assert.match(came, /^first /, "before the request is whole");
    sent.end("third");
    await once(got, "end");
    assert.equal(came, "first second third");
  });

  test("keep an answer without a body, and the length of one that was only asked for", async () => {
    answer = (message, response) => {
      message.resume();
      if (message.method === "HEAD") response.setHeader("content-length", 42);
      else response.statusCode = 204;
      response.end();
    };
    const head = await fetch(origin, { method: "HEAD" });
    assert.equal(head.headers.get("content-length"), "42");
    assert.equal((await fetch(origin, { method: "DELETE" })).status, 204);
  });

  test("end there when the client goes away", async () => {
    const arrived = Promise.withResolvers<IncomingMessage>();
    answer = (message, response) => {
      message.resume();
      response.write("so far");
      arrived.resolve(message);
    };
    const abort = new AbortController();
    const going = fetch(origin, { signal: abort.signal });
    const message = await arrived.promise;
    await going;
    const closed = once(message.socket, "close");
    abort.abort();
    await closed;
  });

  test("end at the client when they break off there", async () => {
    answer = (message, response) => {
      message.resume();
      response.write("half");
      setImmediate(() => response.destroy());
    };
    await assert.rejects(async () => (await fetch(origin)).text());
    answer = (message) => message.destroy();
    await assert.rejects(fetch(origin));
  });

  test("may be answered before they are read, and another one follows", async () => {
    answer = (message, response) => {
      response.statusCode = 413;
      response.end("too much");
      message.resume();
    };
    const body = new Uint8Array(8 * 1024 * 1024);
    for (let round = 0; round < 2; round++) {
      const refused = await fetch(origin, { method: "POST", body });
      assert.deepEqual([refused.status, await refused.text()], [413, "too much"]);
    }
  });
});
