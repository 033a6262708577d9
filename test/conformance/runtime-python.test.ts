/** What our Python client does beyond the table that AWS's client shares. */
import assert from "node:assert/strict";
import { chmod, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, describe, test } from "node:test";
import { ourClients, withClient } from "../support/runtime-clients.ts";
import { writeRuntimeFunctions } from "../support/runtime-functions.ts";
import type { Answer } from "../support/scripted-runtime-api.ts";

const LIMIT = { timeout: 30_000 };
const directory = await writeRuntimeFunctions("python");
after(() => rm(directory, { recursive: true, force: true }));
const { clients } = await ourClients();
const json = (answer: Answer) => JSON.parse(answer.body.toString("utf8"));

for (const client of clients.filter(({ language }) => language === "python")) {
  describe(client.name, () => {
    test(
      "a Decimal keeps its digits, bytes go out as they are, lone surrogates are escaped",
      LIMIT,
      async () => {
        await withClient(client, directory, "values.decimals", async ({ api }) => {
          const { body } = await api.invoke({ payload: "{}" });
          assert.equal(body.toString(), '{"exact": 1.10000000000000000001, "text": "1.5", "nested": [2]}');
        });
        await withClient(client, directory, "values.raw", async ({ api }) => {
          const { body, headers } = await api.invoke({ payload: "{}" });
          // Frames do not tell it: the platform hands a response on as it is.
          const contentType = client.inFrames ? undefined : "application/unknown";
          assert.deepEqual([body.toString(), headers["content-type"]], ["raw bytes", contentType]);
        });
        await withClient(client, directory, "values.surrogate", async ({ api }) => {
          assert.equal((await api.invoke({ payload: "{}" })).body.toString(), '"bad \\ud800 text"');
        });
      },
    );

    test("code, layers, PYTHONPATH, the runtime and the library are searched in this order", LIMIT, () => {
      const environmentVariables = { PYTHONPATH: "/somewhere/else" };
      return withClient(client, directory, "values.path", { environmentVariables }, async ({ api }) => {
        const path: string[] = json(await api.invoke({ payload: "{}" }));
        assert.deepEqual([path[0], path[2], path[3]], [directory, "/opt/python", "/somewhere/else"]);
        assert.match(path[1] ?? "", /^\/opt\/python\/lib\/python3[.]\d+\/site-packages$/);
        assert.match(path[4] ?? "", /runtimes\/python$/);
        assert.ok(path.length > 5);
      });
    });

    test("the trace begins with the function's code", LIMIT, () =>
      withClient(client, directory, "values.nested", async ({ api }) => {
        const { stackTrace, errorMessage } = json(await api.invoke({ payload: "{}" }));
        assert.equal(errorMessage, "'deep'");
        assert.equal(stackTrace.length, 2);
        assert.match(stackTrace[0], /values[.]py", line \d+, in nested\n {4}inner\(\)\n/);
      }),
    );

    test("an error is logged as AWS logs it", LIMIT, () =>
      withClient(client, directory, "cases.fail", async ({ api, process }) => {
        await api.invoke({ payload: "{}" });
        process.child.kill("SIGKILL");
        const [record] = await process.telemetry();
        assert.equal(record?.type, 0xa55a0017);
        const lines = record?.text.split("\n") ?? [];
        assert.deepEqual(lines.slice(0, 2), [
          "[ERROR] TypeError: it broke: ü",
          "Traceback (most recent call last):",
        ]);
        assert.match(lines[2] ?? "", /^\u00a0\u00a0File ".*cases[.]py", line \d+, in fail$/);
      }),
    );

    test("the caller's trace context in W3C's form is the context's", LIMIT, () =>
      withClient(client, directory, "w3c.handler", async ({ api }) => {
        const given = { traceparent: "00-a-b-01", tracestate: 1, baggage: "k=v", more: "no" };
        const clientContext = JSON.stringify({ custom: {}, w3c: given });
        const headers = { "Lambda-Runtime-Client-Context": clientContext };
        assert.deepEqual(json(await api.invoke({ payload: "{}", headers })), {
          traceparent: "00-a-b-01",
          baggage: "k=v",
        });
        assert.deepEqual(json(await api.invoke({ payload: "{}" })), {});
      }),
    );

    test("a warning stands before the error that ends the initialisation", LIMIT, () =>
      withClient(client, directory, "bad_init.handler", async ({ api, process }) => {
        await api.initError;
        await process.exited;
        const [warning, error] = await process.telemetry();
        assert.match(
          warning?.text ?? "",
          /^\[WARNING\]\t[^\t]+\t\tLAMBDA_WARNING: Unhandled exception[.] .*runtimes-update[.]html\r\n$/,
        );
        assert.match(error?.text ?? "", /^\[ERROR\] IndexError: init broke\n/);
      }),
    );

    test("without a telemetry descriptor records are lines of standard output", LIMIT, () =>
      withClient(client, directory, "cases.fail", { telemetry: false }, async ({ api, process }) => {
        await api.invoke({ payload: "{}" });
        process.child.kill("SIGKILL");
        assert.match(await process.stdout, /^\[ERROR\] TypeError: it broke: ü\rTraceback [^\n]*\n$/);
      }),
    );

    test("JSON records are filtered by level and carry extra fields and exceptions", LIMIT, () => {
      const environmentVariables = { AWS_LAMBDA_LOG_FORMAT: "JSON", AWS_LAMBDA_LOG_LEVEL: "INFO" };
      return withClient(
        client,
        directory,
        "logs.handler",
        { environmentVariables },
        async ({ api, process }) => {
          const { requestId } = await api.invoke({ payload: "{}" });
          process.child.kill("SIGKILL");
          const records = await process.telemetry();
          assert.deepEqual(
            records.map(({ type }) => type),
            [0xa55a000e, 0xa55a0016],
          );
          const [info, error] = records.map(({ text }) => JSON.parse(text));
          const { timestamp, ...rest } = info;
          assert.match(timestamp, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/);
          assert.deepEqual(rest, { level: "INFO", message: "told you", logger: "mine", requestId, order: 7 });
          assert.deepEqual([error.errorType, error.errorMessage], ["ZeroDivisionError", "division by zero"]);
          assert.match(error.location, /logs[.]py:handler:\d+$/);
          assert.ok(Array.isArray(error.stackTrace));
        },
      );
    });

    test("events that are no JSON are refused, built-in modules too", LIMIT, async () => {
      await withClient(client, directory, "cases.echo", async ({ api }) => {
        const error = json(await api.invoke({ payload: "{not json" }));
        assert.equal(error.errorType, "Runtime.UnmarshalError");
        // Parsers of other languages read it; Python's has no room for it.
        const deep = "[".repeat(100_000) + "]".repeat(100_000);
        assert.equal(json(await api.invoke({ payload: deep })).errorType, "Runtime.UnmarshalError");
        assert.equal((await api.invoke({ payload: '"next"' })).body.toString(), '"next"');
      });
      await withClient(client, directory, "sys.exit", async ({ api }) => {
        assert.equal(json(await api.initError).errorType, "Runtime.BuiltInModuleConflict");
      });
    });

    test("a connection that the platform closed is opened again", LIMIT, () =>
      withClient(client, directory, "cases.counter", async ({ api }) => {
        assert.equal(json(await api.invoke({ payload: "{}" })), 1);
        await api.waiting();
        api.dropConnections();
        await api.waiting();
        assert.equal(json(await api.invoke({ payload: "{}" })), 2);
        assert.equal(api.connections, 2);
      }),
    );

    test("a wrapper script starts the runtime in its own way", LIMIT, async () => {
      const wrapper = join(directory, "wrapper.sh");
      await writeFile(wrapper, '#!/bin/sh\nexec "$@"\n');
      await chmod(wrapper, 0o755);
      const environmentVariables = { AWS_LAMBDA_EXEC_WRAPPER: wrapper };
      await withClient(client, directory, "cases.log", { environmentVariables }, async ({ api, process }) => {
        assert.equal((await api.invoke({ payload: "{}" })).kind, "response");
        process.child.kill("SIGKILL");
        assert.equal((await process.telemetry()).length, 2);
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
  });
}
