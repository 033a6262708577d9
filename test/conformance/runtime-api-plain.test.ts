import assert from "node:assert/strict";
import { once } from "node:events";
import type { Socket } from "node:net";
import { afterEach, beforeEach, describe, test } from "node:test";
import type { InvocationResult } from "../../src/core/invocation.ts";
import { ClientEnd } from "../support/client-end.ts";
import { ManualClock } from "../support/manual-clock.ts";
import {
  functionVersion,
  type ScriptedSandbox,
  scriptedFactory,
  serveRuntimeApi,
  settle,
} from "../support/scripted-environments.ts";

const PREFIX = "/2018-06-01/runtime/invocation";
const NEXT = `GET ${PREFIX}/next HTTP/1.1\r\nHost: x\r\n\r\n`;
const response = (requestId: string, body: string, headers = ""): string =>
  `POST ${PREFIX}/${requestId}/response HTTP/1.1\r\nHost: x\r\n${headers}Content-Length: ${body.length}\r\n\r\n${body}`;

const pause = (): Promise<unknown> => new Promise((resolve) => setTimeout(resolve, 20));

describe("the Runtime API's plain requests", { timeout: 60_000 }, () => {
  let port: number;
  let served: Socket[];
  let ends: ClientEnd[];
  let environment: ReturnType<ReturnType<typeof scriptedFactory>["factory"]["make"]>["environment"];

  beforeEach(async () => {
    const scripted = scriptedFactory(new ManualClock());
    environment = scripted.factory.make(functionVersion()).environment;
    void environment.start(10_000, () => assert.fail("no time-out in this test"));
    await settle();
    const sandbox = scripted.sandboxes[0] as ScriptedSandbox;
    served = [];
    ends = [];
    sandbox.runtimeApi.on("connection", (socket) => served.push(socket));
    port = await serveRuntimeApi(sandbox);
  });
  afterEach(() => {
    for (const { socket } of ends) socket.destroy();
  });

  const open = (): ClientEnd => {
    const end = new ClientEnd(port);
    ends.push(end);
    return end;
  };
  const untilIdle = async (): Promise<void> => {
    while (environment.state !== "idle") await settle();
  };

  async function invoke(
    requestId: string,
    event: { readonly payload?: Buffer; readonly clientContext?: string } = {},
  ): Promise<{ answered: Promise<InvocationResult> }> {
    await untilIdle();
    const answered = new Promise<InvocationResult>((resolve) =>
      environment.invoke(
        {
          requestId,
          version: functionVersion(),
          invokedFunctionArn: "arn:aws:lambda:us-east-1:000000000000:function:hello",
          payload: event.payload ?? Buffer.from("{}"),
          clientContext: event.clientContext,
          traceHeader: undefined,
          wantsLogTail: false,
        },
        resolve,
      ),
    );
    return { answered };
  }
  const payloadOf = async (answered: Promise<InvocationResult>): Promise<string> =>
    Buffer.from((await answered).payload).toString();

  test("are answered with the headers of HTTP", async () => {
    const end = open();
    end.write(NEXT);
    const { answered } = await invoke("id-1");
    const event = await end.answer();
    assert.equal(event.status, 200);
    assert.deepEqual(event.headers, {
      "content-type": "application/json",
      "content-length": "2",
      "lambda-runtime-aws-request-id": "id-1",
      "lambda-runtime-deadline-ms": "1700000003000",
      "lambda-runtime-invoked-function-arn": "arn:aws:lambda:us-east-1:000000000000:function:hello",
      date: "Tue, 14 Nov 2023 22:13:20 GMT",
    });
    end.write(response("id-1", '"done"'));
    const accepted = await end.answer();
    assert.deepEqual([accepted.status, accepted.body], [202, '{"status":"OK"}\n']);
    assert.equal(accepted.headers["content-type"], "application/json");
    assert.equal(accepted.headers["date"], "Tue, 14 Nov 2023 22:13:20 GMT");
    assert.equal(await payloadOf(answered), '"done"');
  });

  test("may come in two parts, cut anywhere", async () => {
    const length = `${response("id-100", '"7"')}${NEXT}`.length;
    let waiting = open();
    waiting.write(NEXT);
    for (let cut = 1; cut < length; cut++) {
      const requestId = `id-${100 + cut}`;
      const text = `${response(requestId, '"7"')}${NEXT}`;
      const { answered } = await invoke(requestId);
      assert.equal((await waiting.answer()).headers["lambda-runtime-aws-request-id"], requestId);
      waiting.socket.destroy();
      waiting = open();
      waiting.write(text.slice(0, cut));
      await new Promise((resolve) => setTimeout(resolve, 1));
      waiting.write(text.slice(cut));
      assert.equal((await waiting.answer()).status, 202, `cut at ${cut}`);
      assert.equal(await payloadOf(answered), '"7"');
    }
  });

  test("a large event and a large response arrive as they are", async () => {
    const end = open();
    const payload = Buffer.from(`"${"0123456789".repeat(200_000)}"`);
    for (const requestId of ["id-1", "id-2"]) {
      end.write(NEXT);
      const { answered } = await invoke(requestId, { payload });
      const { body } = await end.answer();
      assert.ok(body === payload.toString());
      end.write(response(requestId, body));
      assert.equal((await end.answer()).status, 202);
      assert.ok(payload.equals((await answered).payload));
    }
  });

  test("an empty response is one", async () => {
    const end = open();
    end.write(NEXT);
    const { answered } = await invoke("id-1");
    await end.answer();
    end.write(response("id-1", ""));
    assert.equal((await end.answer()).status, 202);
    assert.equal(await payloadOf(answered), "");
  });

  for (const plain of [true, false]) {
    test(`a client context with line feeds makes no headers of its own, ${plain ? "plain" : "in HTTP"}`, async () => {
      const end = open();
      end.write(plain ? NEXT : NEXT.replace("Host: x", "Host: x\r\nTE: trailers\r\nX-Long: \x80"));
      await invoke("id-1", { clientContext: '{\r\n\t"custom": {"é": "1"}\n}' });
      const { headers } = await end.answer();
      assert.equal(
        Buffer.from(headers["lambda-runtime-client-context"] ?? "", "latin1").toString(),
        '{  \t"custom": {"é": "1"} }',
      );
    });
  }

  test("what comes behind a request for an event is answered after it", async () => {
    const end = open();
    end.write(`${NEXT}GET /2018-06-01/ping HTTP/1.1\r\nHost: x\r\n\r\n`);
    await untilIdle();
    await pause();
    assert.equal(end.receivedBytes, 0);
    const { answered } = await invoke("id-1");
    assert.equal((await end.answer()).headers["lambda-runtime-aws-request-id"], "id-1");
    assert.equal((await end.answer()).body, "pong");
    end.write(response("id-1", "1"));
    assert.equal((await end.answer()).status, 202);
    assert.equal(await payloadOf(answered), "1");
  });

  test("what is sent while an event is waited for does not pile up", async () => {
    const end = open();
    end.write(NEXT);
    await untilIdle();
    end.write("x".repeat(32 * 1024 * 1024));
    await pause();
    await pause();
    assert.ok((served[0]?.readableLength ?? 0) < 1024 * 1024);
    assert.ok(end.socket.writableLength > 0);
  });

  test("a connection goes on with everything that HTTP has", async () => {
    const end = open();
    end.write(NEXT);
    let running = await invoke("id-1");
    await end.answer();
    end.write("GET /none HTTP/1.1\r\nHost: x\r\n\r\n");
    assert.equal((await end.answer()).status, 404);
    const streaming = "Lambda-Runtime-Function-Response-Mode: streaming\r\nTransfer-Encoding: chunked\r\n";
    const chunks = "3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n";
    end.write(`POST ${PREFIX}/id-1/response HTTP/1.1\r\nHost: x\r\n${streaming}\r\n${chunks}${NEXT}`);
    assert.equal((await end.answer()).status, 202);
    assert.equal(await payloadOf(running.answered), "abcde");
    running = await invoke("id-2");
    assert.equal((await end.answer()).headers["lambda-runtime-aws-request-id"], "id-2");
    const asking = response("id-2", "2", "Expect: 100-continue\r\n");
    end.write(asking.slice(0, -1));
    while (end.receivedBytes === 0) await once(end.socket, "data");
    end.write("2");
    await once(end.socket, "data");
    assert.equal(await payloadOf(running.answered), "2");
  });

  test("what is refused is refused as in HTTP, and the connection goes on", async () => {
    const end = open();
    end.write(NEXT);
    const { answered } = await invoke("id-1");
    await end.answer();
    // What is asked for too often is refused; before that it is the same event.
    for (let again = 0; again < 3; again++) {
      end.write(NEXT);
      assert.equal((await end.answer()).headers["lambda-runtime-aws-request-id"], "id-1");
    }
    end.write(`${NEXT}${response("id-2", "2")}${response("id-1", "1")}`);
    const statuses = [await end.answer(), await end.answer(), await end.answer()];
    assert.deepEqual(
      statuses.map(({ status, body }) => [status, JSON.parse(body).errorType]),
      [
        [403, "InvalidStateTransition"],
        [400, "InvalidRequestID"],
        [202, undefined],
      ],
    );
    assert.equal(await payloadOf(answered), "1");
  });

  test("of two responses to one event the first that is whole counts", async () => {
    const [slow, quick] = [open(), open()];
    slow.write(NEXT);
    const { answered } = await invoke("id-1");
    await slow.answer();
    slow.write(response("id-1", '"slow"').slice(0, -3));
    await pause();
    quick.write(response("id-1", '"quick"'));
    assert.equal((await quick.answer()).status, 202);
    slow.write('ow"');
    const refused = await slow.answer();
    assert.deepEqual([refused.status, JSON.parse(refused.body).errorType], [403, "InvalidStateTransition"]);
    assert.equal(await payloadOf(answered), '"quick"');
    slow.write(NEXT);
    await invoke("id-2");
    assert.equal((await slow.answer()).headers["lambda-runtime-aws-request-id"], "id-2");
  });

  test("a response that breaks off is none", async () => {
    const end = open();
    end.write(NEXT);
    const { answered } = await invoke("id-1");
    await end.answer();
    end.write(response("id-1", "1234").slice(0, -2));
    await pause();
    end.socket.destroy();
    await pause();
    assert.equal(environment.state, "busy");
    const other = open();
    other.write(response("id-1", "12"));
    assert.equal((await other.answer()).status, 202);
    assert.equal(await payloadOf(answered), "12");
  });

  test("whoever has ended its side while it waited gets nothing, and nobody is harmed", async () => {
    const gone = open();
    gone.write(NEXT);
    await untilIdle();
    gone.socket.end();
    await pause();
    const end = open();
    end.write(NEXT);
    await pause();
    await invoke("id-1");
    assert.equal((await end.answer()).headers["lambda-runtime-aws-request-id"], "id-1");
    assert.equal(gone.receivedBytes, 0);
  });
});
