import assert from "node:assert/strict";
import { once } from "node:events";
import net from "node:net";
import { after, before, describe, test } from "node:test";
import { setTimeout as wait } from "node:timers/promises";
import type { AnyHandler, ProtocolServer } from "../support/protocol-server.ts";
import { allOperations, startProtocolServer } from "../support/protocol-server.ts";

const HEAD =
  "POST /2015-03-31/functions/f/invocations HTTP/1.1\r\nHost: x\r\n" +
  "Authorization: AWS4-HMAC-SHA256 Credential=AKID/20260101/eu-west-1/lambda/aws4_request, SignedHeaders=host, Signature=0\r\n";
const sized = (body: string): string => `${HEAD}Content-Length: ${body.length}\r\n\r\n`;

/** The parts in which a request comes are its client's and the network's business. */
describe("bodies in packets", () => {
  let server: ProtocolServer;
  let handle: AnyHandler = () => ({});
  before(async () => {
    server = await startProtocolServer(
      allOperations((operation, input, context) => handle(operation, input, context)),
    );
  });
  after(() => server.close());

  /** Sends packets with time between them; resolves with the bodies answered, as many as are expected. */
  async function bodies(packets: readonly string[], expected: number): Promise<string[]> {
    handle = (_operation, input) => ({
      StatusCode: 200,
      Payload: (input as { Payload?: Uint8Array }).Payload,
    });
    const socket = net.connect(server.port, "127.0.0.1").setNoDelay(true);
    try {
      await once(socket, "connect");
      let text = "";
      const read = (): string[] =>
        [...text.matchAll(/content-length: (\d+)(?:\r\n[^\r]+)*\r\n\r\n/gi)].map(
          ({ 0: head, 1: length, index }) =>
            text.slice(index + head.length, index + head.length + Number(length)),
        );
      const answered = (async () => {
        for await (const chunk of socket) {
          text += String(chunk);
          if (read().length === expected) break;
        }
      })();
      for (const packet of packets) {
        socket.write(packet);
        await wait(20);
      }
      await answered;
      return read();
    } finally {
      socket.destroy();
    }
  }

  const body = '{"n":1}';
  const ways: Readonly<Record<string, readonly string[]>> = {
    "in one packet with its headers": [sized(body) + body],
    "behind its headers": [sized(body), body],
    "in pieces": [sized(body) + body.slice(0, 3), body.slice(3)],
    "in chunks": [`${HEAD}Transfer-Encoding: chunked\r\n\r\n3\r\n{"n\r\n4\r\n":1}\r\n0\r\n\r\n`],
    "in chunks that come one by one": [
      `${HEAD}Transfer-Encoding: chunked\r\n\r\n3\r\n{"n\r\n`,
      '4\r\n":1}\r\n',
      "0\r\n\r\n",
    ],
  };
  for (const [way, packets] of Object.entries(ways))
    test(way, async () => assert.deepEqual(await bodies(packets, 1), [body]));

  test("two requests in one packet, and another one after them on the same connection", async () => {
    const packets = [`${sized("1")}1${sized("22")}22`, `${sized("333")}333`];
    assert.deepEqual(await bodies(packets, 3), ["1", "22", "333"]);
  });

  test("a client that leaves while its request is handled harms nobody", async () => {
    const handled = Promise.withResolvers<void>();
    handle = async (_operation, _input, { signal }) => {
      handled.resolve();
      await new Promise((resolve) => signal.addEventListener("abort", resolve));
      return { StatusCode: 200 };
    };
    const socket = net.connect(server.port, "127.0.0.1");
    socket.on("error", () => {});
    socket.write(sized(body) + body);
    await handled.promise;
    socket.resetAndDestroy();
    assert.deepEqual(await bodies([sized(body) + body], 1), [body]);
    assert.deepEqual(server.logged, []);
  });
});
