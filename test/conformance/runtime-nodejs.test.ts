/** What our Node.js client does beyond the table that AWS's clients share. */
import assert from "node:assert/strict";
import { chmod, realpath, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, describe, test } from "node:test";
import { ourClients, withClient } from "../support/runtime-clients.ts";
import { writeRuntimeFunctions } from "../support/runtime-functions.ts";
import type { Answer } from "../support/scripted-runtime-api.ts";

const directory = await writeRuntimeFunctions("nodejs");
after(() => rm(directory, { recursive: true, force: true }));
const { clients } = await ourClients();
const LIMIT = { timeout: 30_000 };
const json = (answer: Answer) => JSON.parse(answer.body.toString("utf8"));

for (const client of clients.filter(({ language }) => language === "nodejs")) {
  const hasCallbacks = client.name.includes("nodejs22.x");
  describe(client.name, () => {
    test("CommonJS, ES modules and top-level await are loaded", LIMIT, async () => {
      const expected = {
        "common.handler": "common",
        "waits.handler": "awaited",
        "module/index.handler": "esm",
        "strange #%41.handler": "strange",
      };
      for (const [handler, result] of Object.entries(expected)) {
        await withClient(client, directory, handler, async ({ api }) => {
          assert.equal(json(await api.invoke({ payload: "{}" })), result);
        });
      }
    });

    test(
      "AWS: a module that is missing is required by /var/runtime/index.mjs in the end",
      LIMIT,
      async () => {
        const file = join(directory, "bad_import.js");
        const expected = {
          "absent.handler": ["Error: Cannot find module 'absent'", "Require stack:"],
          "bad_import.handler": [
            "Error: Cannot find module 'no-such-module'",
            "Require stack:",
            `- ${await realpath(file)}`,
          ],
        };
        for (const [handler, lines] of Object.entries(expected)) {
          await withClient(client, directory, handler, async ({ api }) => {
            const { errorType, errorMessage } = json(await api.initError);
            assert.equal(errorType, "Runtime.ImportModuleError");
            assert.deepEqual(errorMessage.split("\n"), [...lines, "- /var/runtime/index.mjs"]);
          });
        }
      },
    );

    test("AWS: gc() is there, as with the flag that AWS starts Node.js with", LIMIT, async () => {
      const source = `exports.handler = async () => {
        const kept = new WeakRef({ only: "weakly" });
        await new Promise(setImmediate);
        gc();
        return [typeof gc, gc.name, kept.deref() === undefined, process.execArgv[0], Object.keys(globalThis).includes("gc")];
      };`;
      await writeFile(join(directory, "collects.cjs"), source);
      await withClient(client, directory, "collects.handler", async ({ api }) => {
        assert.deepEqual(json(await api.invoke({ payload: "{}" })), [
          "function",
          "gc",
          true,
          "--expose-gc",
          true,
        ]);
      });
    });

    test("AWS: libraries find the invocation in awslambda.InvokeStore", LIMIT, async () => {
      const source = `const atInit = awslambda.InvokeStore?.getRequestId();
      exports.handler = async (event, context) => {
        const store = awslambda.InvokeStore;
        if (store === undefined) return null;
        store.set("mine", 1);
        const ofInvocation = [store.getRequestId() === context.awsRequestId, store.getXRayTraceId() === context.xRayTraceId];
        return [atInit, ...ofInvocation, store.hasContext(), store.get("mine")];
      };`;
      await writeFile(join(directory, "store.cjs"), source);
      await withClient(client, directory, "store.handler", async ({ api }) => {
        const expected = hasCallbacks ? null : ["-", true, true, true, 1];
        for (let round = 0; round < 2; round++)
          assert.deepEqual(json(await api.invoke({ payload: "{}" })), expected);
      });
    });

    test("handler names that cannot be served are refused while loading", LIMIT, async () => {
      const expected = {
        "../cases.echo": ["Runtime.MalformedHandlerName", /not a valid handler name/],
        "number.handler": ["Runtime.HandlerNotFound", /number.handler is not a function/],
        "streaming.handler": ["Runtime.MalformedStreamingHandler", /Only response streaming is supported/],
        "never.handler": ["Runtime.NodeJsExit", /never settled/],
      } as const;
      for (const [handler, [type, message]] of Object.entries(expected)) {
        await withClient(client, directory, handler, async ({ api, process }) => {
          const error = json(await api.initError);
          assert.equal(error.errorType, type);
          assert.match(error.errorMessage, message);
          assert.notEqual((await process.exited).code, 0);
        });
      }
    });

    test("streamed responses: what is posted, and as what", LIMIT, async () => {
      const stream = async (handler: string, events: string[] = ["{}"]): Promise<Answer[]> => {
        const answers: Answer[] = [];
        await withClient(client, directory, `streaming.${handler}`, async ({ api }) => {
          for (const payload of events) answers.push(await api.invoke({ payload }));
        });
        return answers;
      };
      const [late] = await stream("late");
      assert.deepEqual([late?.kind, late?.body.toString()], ["response", "part"]);
      assert.equal(late?.headers["lambda-runtime-function-response-mode"], "streaming");
      assert.equal(late?.trailers["lambda-runtime-function-error-type"], "RangeError");
      const body = Buffer.from(late?.trailers["lambda-runtime-function-error-body"] ?? "", "base64");
      assert.equal(JSON.parse(body.toString()).errorMessage, "in the middle");
      const [tooLate] = await stream("tooLate");
      assert.equal(
        tooLate?.trailers["lambda-runtime-function-error-type"],
        "Runtime.InvalidStreamingOperation",
      );
      const [empty] = await stream("empty");
      assert.equal(empty?.headers["content-type"], "application/vnd.awslambda.http-integration-response");
      assert.equal(empty?.body.toString(), `{"statusCode":204}${"\0".repeat(8)}`);
      const [notAsync] = await stream("notAsync");
      assert.equal(notAsync?.body.toString(), "x");
      const answers = await stream("afterwards", ['{"fail":true}', "{}", "{}"]);
      assert.deepEqual(
        answers.map(({ kind }) => kind),
        ["error", "response", "response"],
      );
      assert.deepEqual(
        answers.slice(1).map((answer) => answer.body.toString()),
        ["hi", "hi"],
      );
    });

    test("what is thrown need not be an Error", LIMIT, () =>
      withClient(client, directory, "crash.throwsString", async ({ api }) => {
        const answer = await api.invoke({ payload: "{}" });
        assert.deepEqual(json(answer), { errorType: "string", errorMessage: "just text", trace: [] });
      }),
    );

    test("a rejection nobody handles ends the invocation and the process", LIMIT, () =>
      withClient(client, directory, "crash.rejects", async ({ api, process }) => {
        const answer = await api.invoke({ payload: "{}" });
        assert.equal(answer.kind, "error");
        const { errorType, errorMessage, trace } = json(answer);
        assert.equal(errorType, "Runtime.UnhandledPromiseRejection");
        assert.equal(errorMessage, "Error: nobody listens");
        assert.equal(trace[0], "Runtime.UnhandledPromiseRejection: Error: nobody listens");
        assert.equal((await process.exited).code, 128);
      }),
    );

    test("an exception nobody catches ends the invocation and the process", LIMIT, () =>
      withClient(client, directory, "crash.uncaught", async ({ api, process }) => {
        const { errorType, errorMessage } = json(await api.invoke({ payload: "{}" }));
        assert.deepEqual([errorType, errorMessage], ["Error", "out of line"]);
        assert.equal((await process.exited).code, 129);
        const [record] = await process.telemetry();
        assert.match(record?.text ?? "", /\tERROR\tUncaught Exception \t\{"errorType":"Error"/);
      }),
    );

    test("an error is logged with its properties before it is reported", LIMIT, () =>
      withClient(client, directory, "cases.fail", async ({ api, process }) => {
        const { requestId } = await api.invoke({ payload: "{}" });
        process.child.kill("SIGKILL");
        const [record] = await process.telemetry();
        const [, id, level, title, text = ""] = record?.text.split("\t") ?? [];
        assert.deepEqual([id, level, title], [requestId, "ERROR", "Invoke Error "]);
        const logged = JSON.parse(text);
        assert.equal(logged.errorMessage, "it broke: ü");
        assert.equal(logged.stack[0], "TypeError: it broke: ü");
      }),
    );

    test("without a telemetry descriptor a record is one line of standard output", LIMIT, () =>
      withClient(client, directory, "cases.log", { telemetry: false }, async ({ api, process }) => {
        const { requestId } = await api.invoke({ payload: "{}" });
        process.child.kill("SIGKILL");
        const lines = (await process.stdout).split("\n");
        assert.equal(lines.length, 3);
        assert.ok(lines[0]?.endsWith(`\t${requestId}\tINFO\tfirst line\rsecond line`), lines[0]);
      }),
    );

    test("JSON records are filtered by level and describe errors", LIMIT, () => {
      const environmentVariables = { AWS_LAMBDA_LOG_FORMAT: "JSON", AWS_LAMBDA_LOG_LEVEL: "INFO" };
      return withClient(
        client,
        directory,
        "levels.handler",
        { environmentVariables },
        async ({ api, process }) => {
          const { requestId } = await api.invoke({ payload: "{}" });
          process.child.kill("SIGKILL");
          const records = await process.telemetry();
          assert.deepEqual(
            records.map(({ type }) => type),
            [0xa55a000e, 0xa55a0012, 0xa55a0016],
          );
          const [info, warn, error] = records.map(({ text }) => JSON.parse(text));
          assert.deepEqual([info.level, info.message, info.requestId], ["INFO", { a: 1 }, requestId]);
          assert.equal(warn.message, "warned 5");
          assert.deepEqual([error.errorType, error.errorMessage], ["TypeError", "inner"]);
          assert.match(error.timestamp, /^\d{4}-.*Z$/);
        },
      );
    });

    test("a connection that the platform closed is opened again", LIMIT, () =>
      withClient(client, directory, "cases.counter", async ({ api, process }) => {
        assert.equal(json(await api.invoke({ payload: "{}" })), 1);
        await api.waiting();
        assert.equal(api.connections, 1);
        api.dropConnections();
        await api.waiting();
        assert.equal(json(await api.invoke({ payload: "{}" })), 2);
        assert.equal(api.connections, 2);
        assert.equal(process.child.exitCode, null);
      }),
    );

    test("a wrapper script starts the runtime in its own way", LIMIT, async () => {
      const wrapper = join(directory, "wrapper.sh");
      await writeFile(wrapper, '#!/bin/sh\nexport _X_WRAPPED=yes\nexec "$@"\n');
      await chmod(wrapper, 0o755);
      const environmentVariables = { AWS_LAMBDA_EXEC_WRAPPER: wrapper };
      await withClient(client, directory, "cases.log", { environmentVariables }, async ({ api, process }) => {
        assert.equal((await api.invoke({ payload: "{}" })).kind, "response");
        process.child.kill("SIGKILL");
        assert.equal((await process.stdout).split("\n").length, 3);
      });
      const missing = { AWS_LAMBDA_EXEC_WRAPPER: join(directory, "absent") };
      await withClient(
        client,
        directory,
        "cases.log",
        { environmentVariables: missing },
        async ({ process }) => {
          assert.equal((await process.exited).code, 127);
        },
      );
    });

    test("an event loop that runs empty ends an invocation", LIMIT, () =>
      withClient(client, directory, "crash.unsettled", async ({ api, process }) => {
        const answered = api.invoke({ payload: "{}" });
        if (hasCallbacks) assert.equal((await answered).body.toString(), "null");
        else assert.deepEqual(await process.exited, { code: 0, signal: null });
      }),
    );

    test("callback handlers", LIMIT, async () => {
      if (!hasCallbacks) {
        return withClient(client, directory, "callback.simple", async ({ api }) => {
          const { errorType, errorMessage } = json(await api.initError);
          assert.equal(errorType, "Runtime.CallbackHandlerDeprecated");
          assert.match(
            errorMessage,
            /^ERROR: AWS Lambda has removed support for callback-based function handlers/,
          );
        });
      }
      const expected = {
        simple: { via: "callback" },
        waits: { done: true },
        hurries: "early",
        never: null,
        twice: "first",
        both: "called",
      };
      for (const [name, result] of Object.entries(expected)) {
        await withClient(client, directory, `callback.${name}`, async ({ api }) => {
          for (let round = 0; round < 2; round++) {
            assert.deepEqual(json(await api.invoke({ payload: "{}" })), result, name);
          }
        });
      }
      await withClient(client, directory, "callback.fails", async ({ api }) => {
        assert.equal(json(await api.invoke({ payload: "{}" })).errorMessage, "by callback");
      });
    });
  });
}
