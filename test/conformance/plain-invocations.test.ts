import assert from "node:assert/strict";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import { after, afterEach, before, beforeEach, describe, test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { AwsError } from "../../src/core/errors.ts";
import type { InvocationResult } from "../../src/core/invocation.ts";
import type { ArrivedInvocation } from "../../src/plain-invocations/plain-connection.ts";
import type { PlainConnections } from "../../src/plain-invocations/plain-connections.ts";
import { openPlainInvocations } from "../../src/wiring/plain-invocations.ts";
import { ClientEnd, type ReceivedAnswer } from "../support/client-end.ts";
import { createActiveFunction } from "../support/created-functions.ts";
import { type LambdaEndpoint, openLambdaEndpoint, REGION } from "../support/lambda-endpoint.ts";
import { ManualClock } from "../support/manual-clock.ts";

const SIGNED = `Authorization: AWS4-HMAC-SHA256 Credential=test/20260101/${REGION}/lambda/aws4_request, SignedHeaders=host, Signature=0\r\n`;
const request = (body: string, headers = "", name = "hello"): string =>
  `POST /2015-03-31/functions/${name}/invocations HTTP/1.1\r\nHost: x\r\n${SIGNED}${headers}Content-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`;
/** With it a request is no plain one any more, and means the same. */
const FOR_HTTP = "TE: identity\r\n";

const bodyOf = (arrived: ArrivedInvocation): string => Buffer.from(arrived.body).toString();

describe("plain invocations on the public port", { timeout: 60_000 }, () => {
  let server: Server;
  let clock: ManualClock;
  let connections: PlainConnections;
  let ends: ClientEnd[];
  let arrived: ArrivedInvocation[];
  let take: (arrived: ArrivedInvocation) => void;
  const overHttp: string[] = [];

  before(async () => {
    server = createServer((message, response) => {
      const chunks: Buffer[] = [];
      message.on("data", (chunk: Buffer) => chunks.push(chunk));
      message.on("end", () => {
        overHttp.push(`${message.method} ${message.url} ${Buffer.concat(chunks).toString()}`);
        response.setHeader("content-length", 4);
        response.end("http");
      });
    });
    server.keepAliveTimeout = 60_000;
    clock = new ManualClock();
    connections = openPlainInvocations(server, clock, (invocation) => take(invocation));
    await once(server.listen(0, "127.0.0.1"), "listening");
  });
  beforeEach(() => {
    for (const { socket } of ends ?? []) socket.destroy();
    ends = [];
    arrived = [];
    overHttp.length = 0;
    take = (invocation) => {
      arrived.push(invocation);
      const body = bodyOf(invocation);
      invocation.answer({ status: 200, headers: { "content-length": String(body.length) }, body });
    };
  });
  after(async () => {
    connections.close();
    server.closeAllConnections();
    server.close();
    await once(server, "close");
    for (const { socket } of ends) assert.ok(socket.destroyed || socket.readableEnded);
  });

  const open = (): ClientEnd => {
    const end = new ClientEnd((server.address() as AddressInfo).port);
    ends.push(end);
    return end;
  };
  const until = async (holds: () => boolean): Promise<void> => {
    while (!holds()) await delay(2);
  };

  test("are read wherever they are cut", async () => {
    const text = request('{"a":"b"}');
    const openServed = async (): Promise<[ClientEnd, Socket]> => {
      const connected = once(server, "connection");
      const end = open();
      const [served] = await connected;
      return [end, served];
    };
    const [end, served] = await openServed();
    // A head that is not whole is left to the HTTP server, a body may come in any pieces.
    const headBytes = text.indexOf("{");
    for (let at = headBytes; at < text.length; at++) {
      const readBytes = served.bytesRead + at;
      end.socket.write(text.slice(0, at));
      await until(() => served.bytesRead === readBytes);
      const answer = await end.ask(text.slice(at));
      assert.equal(answer.body, '{"a":"b"}');
    }
    assert.equal(arrived.length, text.length - headBytes);
    for (let at = 1; at < headBytes; at += 37) {
      const [other, servedOther] = await openServed();
      other.socket.write(text.slice(0, at));
      await until(() => servedOther.bytesRead === at);
      assert.equal((await other.ask(text.slice(at))).body, "http");
    }
    assert.deepEqual(new Set(overHttp), new Set(['POST /2015-03-31/functions/hello/invocations {"a":"b"}']));
  });

  test("of six megabytes arrive whole", async () => {
    const body = "0123456789abcdef".repeat(393_216);
    const answer = await open().ask(request(body));
    assert.ok(answer.body === body);
    assert.equal(arrived.length, 1);
  });

  test("sent one behind the other are taken one after the other, whatever comes behind them", async () => {
    const held: ArrivedInvocation[] = [];
    take = (invocation) => void held.push(invocation);
    const end = open();
    end.socket.write(
      `${request("1")}${request("22")}GET /health HTTP/1.1\r\nHost: x\r\n\r\n${request("333")}`,
    );
    for (const body of ["1", "22"]) {
      await until(() => held.length === 1);
      await delay(10);
      assert.equal(held.length, 1);
      assert.equal(end.receivedBytes, 0);
      const [invocation] = held.splice(0);
      assert.equal(bodyOf(invocation as ArrivedInvocation), body);
      invocation?.answer({ status: 200, headers: { "content-length": "2" }, body: "ok" });
      assert.equal((await end.answer()).body, "ok");
    }
    assert.equal((await end.answer()).body, "http");
    assert.equal((await end.answer()).body, "http");
    assert.deepEqual(overHttp, ["GET /health ", "POST /2015-03-31/functions/hello/invocations 333"]);
  });

  test("that are handed back are the HTTP server's, and all that follows is", async () => {
    const held: ArrivedInvocation[] = [];
    take = (invocation) => void held.push(invocation);
    const end = open();
    end.socket.write(request("first"));
    end.socket.write(request("second"));
    await until(() => held.length === 1);
    held[0]?.handBack();
    assert.equal((await end.answer()).body, "http");
    assert.equal((await end.answer()).body, "http");
    assert.equal((await end.ask(request("third"))).body, "http");
    assert.deepEqual(
      overHttp.map((line) => line.split(" ").at(-1)),
      ["first", "second", "third"],
    );
    take = (invocation) => invocation.handBack();
    const other = open();
    other.socket.write(`${request("fourth")}${request("fifth")}`);
    for (const _ of ["fourth", "fifth"]) assert.equal((await other.answer()).body, "http");
    assert.equal(held.length, 1);
  });

  test("whose client goes away have nobody to answer", async () => {
    const held: ArrivedInvocation[] = [];
    take = (invocation) => void held.push(invocation);
    const end = open();
    end.socket.write(request("1"));
    await until(() => held.length === 1);
    assert.equal(held[0]?.isOpen, true);
    end.socket.destroy();
    await until(() => held[0]?.isOpen === false);
    held[0]?.answer({ status: 200, headers: {}, body: "nobody" });
  });

  test("are not answered with headers that would end one", async () => {
    let refusal: unknown;
    take = (invocation) => {
      try {
        invocation.answer({ status: 200, headers: { "x-a": "1\r\nx-b: 2" }, body: "" });
      } catch (error) {
        refusal = error;
        invocation.answer({ status: 500, headers: { "content-length": "0" }, body: undefined });
      }
    };
    const { head } = await open().ask(request("1"));
    assert.match(head, /^HTTP\/1\.1 500 Internal Server Error\r\n/);
    assert.ok(refusal instanceof TypeError);
    assert.doesNotMatch(head, /x-b/);
  });

  test("leave connections that end when they have been quiet for a minute, and not before", async () => {
    const held: ArrivedInvocation[] = [];
    take = (invocation) => void held.push(invocation);
    const [quiet, busy, slow] = [open(), open(), open()];
    busy.socket.write(request("1"));
    const [text, missing] = [request("2".repeat(50)), 20];
    slow.socket.write(text.slice(0, -missing));
    await until(() => held.length === 1);
    let isEnded = false;
    quiet.socket.on("close", () => {
      isEnded = true;
    });
    clock.advance(60_000);
    await delay(20);
    assert.equal(isEnded, false);
    clock.advance(15_000);
    await until(() => isEnded);
    for (let at = 1; at < missing; at++) {
      slow.socket.write("2");
      await delay(5);
      clock.advance(30_000);
    }
    held[0]?.answer({ status: 200, headers: { "content-length": "2" }, body: "ok" });
    assert.equal((await busy.answer()).body, "ok");
    slow.socket.write("2");
    await until(() => held.length === 2);
  });

  test("that nobody goes on sending are given up after a minute", async () => {
    const end = open();
    end.socket.write(request("22").slice(0, -1));
    await delay(20);
    let isEnded = false;
    end.socket.on("close", () => {
      isEnded = true;
    });
    for (let seconds = 0; seconds < 60; seconds += 15) clock.advance(15_000);
    await delay(20);
    assert.equal(isEnded, false);
    clock.advance(30_000);
    await until(() => isEnded);
    assert.equal(arrived.length, 0);
  });

  test("are left to the HTTP server, which asks who sends them, while too much of others has not come", async () => {
    const large = request("a".repeat(6_000_000));
    const held = Array.from({ length: 11 }, open);
    for (const { socket } of held) await new Promise((done) => socket.write(large.slice(0, -1), done));
    await delay(50);
    const late = open();
    late.socket.write(large.slice(0, -1));
    await delay(20);
    assert.equal((await late.ask("a")).body, "http");
    // Who has all of it is served all the same, and what has come leaves room again.
    assert.equal((await open().ask(request("1"))).body, "1");
    for (const { socket } of held.slice(0, 5)) socket.destroy();
    for (const end of held.slice(5)) assert.equal((await end.ask("a")).body.length, 6_000_000);
    const next = open();
    next.socket.write(large.slice(0, -1));
    await delay(20);
    assert.equal((await next.ask("a")).body.length, 6_000_000);
  });

  test("have a share of the descriptors for their connections, and no more", () => {
    const soft = /^Max open files +(\d+)/m.exec(readFileSync("/proc/self/limits", "utf8"))?.[1];
    assert.equal(server.maxConnections, Math.floor(Number(soft) * 0.3));
  });

  test("are not taken from a client that does not read its answers, until it does", async () => {
    const body = "a".repeat(1_000_000);
    let answers = 0;
    take = (invocation) => {
      answers++;
      invocation.answer({ status: 200, headers: { "content-length": String(body.length) }, body });
    };
    const end = open();
    end.socket.removeAllListeners("data");
    end.socket.pause();
    end.socket.write(request("1").repeat(40));
    // What the kernel keeps for both ends is some megabytes.
    let before = -1;
    while (answers !== before) {
      before = answers;
      await delay(50);
    }
    assert.ok(answers < 30, `${answers} answers were made`);
    end.socket.resume();
    await until(() => answers === 40);
  });

  test("do not hinder a client that says that it has ended", async () => {
    const end = open();
    await end.ask(request("1"));
    const closed = once(end.socket, "close");
    end.socket.end();
    await closed;
  });
});

describe("the Lambda API's answers to plain invocations", { timeout: 60_000 }, () => {
  let lambda: LambdaEndpoint;
  let end: ClientEnd;

  before(async () => {
    lambda = await openLambdaEndpoint();
    await createActiveFunction(lambda, "hello");
  });
  beforeEach(() => {
    end = new ClientEnd(Number(new URL(lambda.endpoint).port));
    lambda.answer = ({ payload }) => ({ payload, functionError: undefined, logTail: undefined });
  });
  afterEach(() => end.socket.destroy());
  after(() => lambda.close());

  /** Whatever is another one each time. */
  const withoutIds = ({ head, body }: ReceivedAnswer): string =>
    `${head}${body}`
      .replaceAll(/[\da-f]{8}-[\da-f]{4}-[\da-f]{4}-[\da-f]{4}-[\da-f]{12}/g, "UUID")
      .replace(/Root=1-[\da-f]{8}-[\da-f]{24}(?:;Parent=[\da-f]{16})?/, "TRACE")
      .replace(/Date: .*/, "DATE");

  const failed: InvocationResult = {
    payload: Buffer.from('{"errorType":"E"}'),
    functionError: "Unhandled",
    logTail: "a line\n",
  };
  for (const [what, text, answer] of [
    ["a result", ["{}"], undefined],
    ["a result beyond ASCII", [Buffer.from('"\u00e4\ud83d\ude00"').toString("latin1")], undefined],
    ["a long result", [`"${"a".repeat(100_000)}"`], undefined],
    ["nothing at all", [""], undefined],
    ["a function's error with its log", ["{}", "X-Amz-Log-Type: Tail\r\n"], failed],
    ["a dry run", ["{}", "X-Amz-Invocation-Type: DryRun\r\n"], undefined],
    ["an event", ["{}", "X-Amz-Invocation-Type: Event\r\n"], undefined],
    ["an unknown kind of invocation", ["{}", "X-Amz-Invocation-Type: Never\r\n"], undefined],
    ["a text that is no JSON", ["{"], undefined],
    ["a function that is not there", ["{}", "", "absent"], undefined],
    ["a qualifier that is not there", ["{}", "", "hello:absent"], undefined],
    ["a malformed name", ["{}", "", "a%20b"], undefined],
    ["a name with a bad escape", ["{}", "", "a%zz"], undefined],
    ["a client context that is none", ["{}", "X-Amz-Client-Context: %\r\n"], undefined],
    ["a tenant", ["{}", "X-Amz-Tenant-Id: a\r\n"], undefined],
  ] as const) {
    test(`are the bytes that the HTTP server sends: ${what}`, async () => {
      if (answer !== undefined) lambda.answer = () => answer;
      const [body, headers = "", name] = text;
      const asLatin1 = (more: string): string => {
        const made = request("", headers + more, name);
        return `${made.replace("Content-Length: 0", `Content-Length: ${body.length}`)}${body}`;
      };
      const plain = await end.ask(asLatin1(""));
      const overHttp = await end.ask(asLatin1(FOR_HTTP));
      assert.equal(withoutIds(plain), withoutIds(overHttp));
      assert.match(plain.head, /^HTTP\/1\.1 \d{3} /);
    });
  }

  test("tell of a failure inside as the HTTP server does", async () => {
    lambda.answer = () => {
      throw new AwsError("ServiceException", "The function cannot be started.", 500);
    };
    const plain = await end.ask(request("{}"));
    assert.equal(withoutIds(plain), withoutIds(await end.ask(request("{}", FOR_HTTP))));
  });
});
