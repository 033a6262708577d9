/**
 * One table of cases, driven through our runtime clients on every interpreter of the machine and through AWS's own
 * clients, unmodified. What both do is what a function may rely on.
 */
import assert from "node:assert/strict";
import { rm } from "node:fs/promises";
import { after, describe, test } from "node:test";
import {
  FUNCTION_CONTEXT,
  isInstalled,
  officialClients,
  ourClients,
  type RunningClient,
  type RuntimeClient,
  withClient,
} from "../support/runtime-clients.ts";
import { writeRuntimeFunctions } from "../support/runtime-functions.ts";
import type { Answer } from "../support/scripted-runtime-api.ts";

const SIX_MB = 6 * 1024 * 1024;
const directories = {
  nodejs: await writeRuntimeFunctions("nodejs"),
  python: await writeRuntimeFunctions("python"),
};
after(async () => {
  for (const directory of Object.values(directories)) await rm(directory, { recursive: true, force: true });
});

const json = (answer: Answer) => JSON.parse(answer.body.toString("utf8"));

/** Runs one handler of the language's `cases` module. */
async function withHandler(
  client: RuntimeClient,
  handler: string,
  use: (running: RunningClient) => Promise<void>,
): Promise<void> {
  const name = handler.includes(".") ? handler : `cases.${handler}`;
  await withClient(client, directories[client.language], name, use);
}

const CASES: Record<string, (client: RuntimeClient) => Promise<void>> = {
  "an event comes back as it went in, beyond ASCII too": (client) =>
    withHandler(client, "echo", async ({ api }) => {
      const event = { text: 'grüße 東京 🚀 \u0000 "quoted"', list: [1, 2.5, null, true], nested: { a: {} } };
      const answer = await api.invoke({ payload: JSON.stringify(event) });
      assert.equal(answer.kind, "response");
      assert.deepEqual(json(answer), event);
    }),

  "6 MB go both ways": (client) =>
    withHandler(client, "echo", async ({ api }) => {
      const payload = JSON.stringify({ filler: "x".repeat(SIX_MB - 16) });
      const answer = await api.invoke({ payload });
      assert.equal(answer.kind, "response");
      assert.ok(json(answer).filler === JSON.parse(payload).filler);
    }),

  "a handler that returns nothing answers null": (client) =>
    withHandler(client, "nothing", async ({ api }) => {
      const answer = await api.invoke({ payload: "{}" });
      assert.equal(answer.kind, "response");
      assert.equal(answer.body.toString(), "null");
    }),

  "one process serves event after event": (client) =>
    withHandler(client, "counter", async ({ api }) => {
      for (const expected of [1, 2, 3]) assert.equal(json(await api.invoke({ payload: "{}" })), expected);
    }),

  "the context describes function and invocation": (client) =>
    withHandler(client, "context", async ({ api }) => {
      const answer = await api.invoke({
        payload: "{}",
        headers: {
          "Lambda-Runtime-Client-Context": JSON.stringify({
            client: { installation_id: "i-1" },
            custom: { greeting: "hello" },
            env: {},
          }),
          "Lambda-Runtime-Cognito-Identity": JSON.stringify({
            cognitoIdentityId: "id-1",
            cognitoIdentityPoolId: "pool-1",
          }),
        },
      });
      const { remainingMs, identity, ...rest } = json(answer);
      // The platform has no callers of Cognito; frames have no place for them.
      assert.equal(identity ?? undefined, client.inFrames ? undefined : "id-1");
      assert.ok(remainingMs > 0 && remainingMs <= 60_000, `remaining ${remainingMs} ms`);
      assert.deepEqual(rest, {
        requestId: answer.requestId,
        ...FUNCTION_CONTEXT,
        installation: "i-1",
        custom: "hello",
      });
    }),

  "the trace id is that of the invocation": (client) =>
    withHandler(client, "trace", async ({ api }) => {
      const id = "Root=1-5bef4de7-ad49b0e87f6ef6c87fc2e700;Parent=9a9197af755a6419;Sampled=1";
      assert.equal(json(await api.invoke({ payload: "{}", headers: { "Lambda-Runtime-Trace-Id": id } })), id);
      assert.equal(json(await api.invoke({ payload: "{}" })), null);
    }),

  "an exception is reported, and the process goes on": (client) =>
    withHandler(client, "fail", async ({ api }) => {
      for (let round = 0; round < 2; round++) {
        const answer = await api.invoke({ payload: "{}" });
        assert.equal(answer.kind, "error");
        const { errorType, errorMessage, trace, stackTrace, requestId } = json(answer);
        assert.deepEqual(
          { errorType, errorMessage },
          { errorType: "TypeError", errorMessage: "it broke: ü" },
        );
        const frames = (trace ?? stackTrace).join("\n");
        assert.match(frames, /cases[.](mjs|py)/);
        if (client.language === "python") {
          assert.equal(requestId, answer.requestId);
          assert.match(stackTrace[0], /^ {2}File ".*cases[.]py", line \d+, in fail\n/);
        } else {
          assert.equal(trace[0], "TypeError: it broke: ü");
        }
      }
    }),

  "a result that is no JSON is the function's error": (client) =>
    withHandler(client, "unserializable", async ({ api }) => {
      const answer = await api.invoke({ payload: "{}" });
      assert.equal(answer.kind, "error");
      const expected =
        client.language === "python"
          ? [
              "Runtime.MarshalError",
              "Unable to marshal response: Object of type set is not JSON serializable",
            ]
          : ["Runtime.JSONStringifyError", "Unable to stringify response body"];
      assert.deepEqual([json(answer).errorType, json(answer).errorMessage], expected);
    }),

  "log records carry time, request id and level": (client) =>
    withHandler(client, "log", async ({ api, process }) => {
      const before = Date.now();
      const { requestId } = await api.invoke({ payload: "{}" });
      process.child.kill("SIGKILL");
      const [first, second, ...others] = await process.telemetry();
      assert.deepEqual(others, []);
      assert.ok(first !== undefined && second !== undefined);
      assert.ok(first.timeMs >= before - 1 && first.timeMs <= Date.now() + 1);
      const time = "\\d{4}-\\d\\d-\\d\\dT\\d\\d:\\d\\d:\\d\\d[.]\\d{3}Z";
      if (client.language === "python") {
        assert.match(
          first.text,
          new RegExp(`^\\[INFO\\]\t${time}\t${requestId}\tfirst line\nsecond line\n$`),
        );
        assert.match(second.text, new RegExp(`^\\[ERROR\\]\t${time}\t${requestId}\tärger\n$`));
        assert.equal(first.type, 0xa55a0003);
      } else {
        assert.match(first.text, new RegExp(`^${time}\t${requestId}\tINFO\tfirst line\nsecond line\n$`));
        assert.match(second.text, new RegExp(`^${time}\t${requestId}\tERROR\tärger\n$`));
        assert.deepEqual([first.type, second.type], [0xa55a000f, 0xa55a0017]);
      }
    }),

  "printed text goes to standard output as it is": (client) =>
    withHandler(client, "prints", async ({ api, process }) => {
      await api.invoke({ payload: "{}" });
      process.child.kill("SIGKILL");
      assert.equal(await process.stdout, "plain output\n");
    }),

  "a handler that exits ends the process without an answer": (client) =>
    withHandler(client, "exit", async ({ api, process }) => {
      void api.invoke({ payload: "{}" });
      assert.deepEqual(await process.exited, { code: 0, signal: null });
    }),

  "an exception while loading is the initialisation's error": (client) => {
    const module = client.language === "python" ? "bad_init" : "bad-init";
    return withHandler(client, `${module}.handler`, async ({ api, process }) => {
      const { errorType, errorMessage, requestId } = json(await api.initError);
      const expectedType = client.language === "python" ? "IndexError" : "RangeError";
      assert.deepEqual({ errorType, errorMessage }, { errorType: expectedType, errorMessage: "init broke" });
      if (client.language === "python") assert.equal(requestId, "");
      assert.equal((await process.exited).code, 1);
    });
  },

  "a missing module, a syntax error and a missing handler have types of their own": async (client) => {
    const expected: [string, string, RegExp][] = [
      ["bad_import.handler", "Runtime.ImportModuleError", /no.such.module/],
      ["absent.handler", "Runtime.ImportModuleError", /absent/],
      ["bad_syntax.handler", "Runtime.UserCodeSyntaxError", /./],
      ["cases.absent", "Runtime.HandlerNotFound", /absent/],
      ["nodot", "Runtime.MalformedHandlerName", /Bad handler/],
    ];
    for (const [handler, type, message] of expected) {
      await withClient(client, directories[client.language], handler, async ({ api }) => {
        const answer = await api.initError;
        assert.equal(json(answer).errorType, type, handler);
        assert.match(json(answer).errorMessage, message);
        assert.equal(answer.headers["lambda-runtime-function-error-type"], type);
      });
    }
  },

  "a handler may lie in a directory": (client) =>
    withHandler(
      client,
      client.language === "python" ? "sub/dir/deep.handler" : "sub/dir/deep.a.b",
      async ({ api }) => {
        assert.equal(json(await api.invoke({ payload: "{}" })), "deep");
      },
    ),
};

function runTable(client: RuntimeClient): void {
  for (const [name, run] of Object.entries(CASES)) test(name, { timeout: 60_000 }, () => run(client));
}

// Everything is fetched before the first test is registered: the runner takes a file whose tests have all ended while
// it still waits for something as finished, and removes what they share.
const { clients, node22, python314 } = await ourClients();
const official = await officialClients();
for (const client of clients) describe(client.name, () => runTable(client));
test("a Node.js 22 is at hand", (t) => {
  if (isInstalled(t, node22)) assert.ok(clients.some((client) => client.name.includes("nodejs22.x")));
});
test("a Python 3.14 is at hand", (t) => {
  if (python314 === undefined || isInstalled(t, python314))
    assert.ok(clients.some((client) => client.name.includes("python3.14")));
});
for (const { name, client, installed } of official) {
  describe(name, () => {
    if (client !== undefined) runTable(client);
    else test("is installed", (t) => void isInstalled(t, installed));
  });
}
