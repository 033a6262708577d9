/**
 * Our .NET client on .NET Core 3.1 against a scripted Runtime API; expectations from AWS's client, Amazon.Lambda.RuntimeSupport,
 * as its sources are published: NuGet cannot be reached by tests.
 */
import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, test } from "node:test";
import { DotnetClient } from "../support/dotnet-client.ts";
import { RUNTIMES_DIRECTORY } from "../support/installed-runtimes.ts";
import { FUNCTION_CONTEXT } from "../support/runtime-clients.ts";
import type { Answer } from "../support/scripted-runtime-api.ts";

const dotnet = await DotnetClient.prepare();
after(() => dotnet.remove());

const json = (answer: Answer) => JSON.parse(answer.body.toString("utf8"));

/** Skipped, loudly, where .NET or a compiler for the functions is missing. */
function dotnetTest(name: string, run: () => Promise<void>): void {
  test(name, { timeout: 60_000 }, async (t) => {
    if (dotnet.isReady(t)) await run();
  });
}

/** The first answer of a handler. */
async function answerOf(handler: string, payload: unknown): Promise<string> {
  let text = "";
  await dotnet.run(handler, async ({ api }) => {
    text = (await api.invoke({ payload: JSON.stringify(payload) })).body.toString();
  });
  return text;
}

dotnetTest("everything that the client refers to is in .NET Standard and the named libraries", async () => {
  const client = join(RUNTIMES_DIRECTORY, "dotnet/Lambent.Runtime.dll");
  assert.match(await dotnet.output("Check.dll", client), /^[1-9]\d\d methods, 0 with something missing\n$/);
});

dotnetTest("events, results and counters go through one process", () =>
  dotnet.run("Echo", async ({ api }) => {
    const event = { text: 'grüße 東京 🚀 "quoted"', list: [1, 2.5, null, true], big: "x".repeat(5_000_000) };
    assert.deepEqual(json(await api.invoke({ payload: JSON.stringify(event) })), event);
    assert.deepEqual(json(await api.invoke({ payload: "[]" })), []);
    assert.equal(api.connections, 1);
  }),
);

dotnetTest("every form of a handler answers", async () => {
  const order = { name: "first", items: [{ amount: 2, price: 1.5 }] };
  for (const [handler, payload, expected] of [
    ["Text", "so", '"so!"'],
    ["Total", order, '{"Name":"first","Total":3}'],
    ["OnlyContext", {}, '"scripted"'],
    ["Nothing", {}, ""],
    ["NoInput", {}, '"none"'],
    ["Through", { raw: 1 }, '{"raw":1}'],
    ["Later", {}, ""],
    ["TwiceLater", 4, "8"],
    ["StreamLater", {}, '"streamed"'],
    ["Value", {}, '"value"'],
    ["ValueNothing", {}, ""],
    ["Shout", "a", '""A"!"'],
    ["Hidden", {}, '"private"'],
    ["Example::Example.Derived::Twice", 3, "6"],
    ["Example::Example.Abstract::Static", {}, '"static"'],
    ["Example::Example.Cases::System.Object Over(Int32)", 7, "7"],
    ["Bare::Bare.Cases::Through", {}, "{}"],
  ] as const)
    assert.equal(await answerOf(handler, payload), expected, handler);
});

dotnetTest("the context is that of the invocation, through the function's own interfaces", () =>
  dotnet.run("Context", async ({ api }) => {
    const answer = await api.invoke({
      payload: "{}",
      headers: {
        "Lambda-Runtime-Client-Context": Buffer.from(
          '{"client":{"installation_id":"i-1"},"custom":{"greeting":"grüß"}}',
        ).toString("latin1"),
        "Lambda-Runtime-Cognito-Identity": '{"cognitoIdentityId":"id-1"}',
        "Lambda-Runtime-Trace-Id": "Root=1-2-3",
      },
    });
    const common = {
      ...FUNCTION_CONTEXT,
      memory: 256,
      isInTime: true,
      later: true,
    };
    const told = { trace: "Root=1-2-3", installation: "i-1", custom: "grüß", identity: "id-1" };
    assert.deepEqual(json(answer), { ...common, ...told, requestId: answer.requestId });
    const bare = await api.invoke({ payload: "{}" });
    const none = { trace: null, installation: null, custom: null, identity: null };
    assert.deepEqual(json(bare), { ...common, ...none, requestId: bare.requestId });
  }),
);

dotnetTest("the trace id is that of the invocation, and counters live on", async () => {
  await dotnet.run("Trace", async ({ api }) => {
    const headers = { "Lambda-Runtime-Trace-Id": "Root=1-2-3" };
    assert.equal(json(await api.invoke({ payload: "{}", headers })), "Root=1-2-3");
    assert.equal(json(await api.invoke({ payload: "{}" })), null);
  });
  await dotnet.run("Counter", async ({ api }) => {
    for (const count of [1, 2]) assert.equal(json(await api.invoke({ payload: "{}" })), count);
    api.dropConnections();
    assert.equal(json(await api.invoke({ payload: "{}" })), 3);
  });
});

dotnetTest("exceptions are reported with type, message, the function's own frames and causes", async () => {
  await dotnet.run("Fail", async ({ api, process }) => {
    const answer = await api.invoke({ payload: "{}" });
    assert.deepEqual(json(answer), {
      errorType: "InvalidOperationException",
      errorMessage: "it broke: ü",
      stackTrace: ["at Example.Cases.Fail()"],
    });
    assert.equal(answer.headers["lambda-runtime-function-error-type"], "InvalidOperationException");
    await api.invoke({ payload: "{}" });
    process.child.kill("SIGKILL");
    const [record] = await process.telemetry();
    assert.match(
      record?.text ?? "",
      new RegExp(
        `Z\t${answer.requestId}\tfail\tSystem[.]InvalidOperationException: it broke: ü\n   at Example`,
      ),
    );
  });
  const cause = { errorType: "IOException", errorMessage: "the cause" };
  await dotnet.run("FailWithCause", async ({ api }) => {
    const error = json(await api.invoke({ payload: "{}" }));
    assert.deepEqual([error.errorType, error.errorMessage], ["Mine", "mine"]);
    assert.deepEqual(error.cause, { ...cause, stackTrace: ["at Example.Cases.FailWithCause()"] });
  });
  await dotnet.run("FailLater", async ({ api }) => {
    const error = json(await api.invoke({ payload: "{}" }));
    assert.deepEqual([error.errorType, error.errorMessage], ["Mine", "later"]);
    assert.match(error.stackTrace[0], /Example[.]Cases[.]FailLater|MoveNext/);
  });
  await dotnet.run("FailAll", async ({ api }) => {
    const { errorType, causes } = json(await api.invoke({ payload: "{}" }));
    assert.equal(errorType, "AggregateException");
    assert.deepEqual(
      causes.map((each: { errorType: string; errorMessage: string }) => [each.errorType, each.errorMessage]),
      [
        ["IOException", "one"],
        ["Mine", "two"],
      ],
    );
  });
  await dotnet.run("Twice", async ({ api }) => {
    assert.equal(json(await api.invoke({ payload: '"no number"' })).errorType, "JsonException");
    assert.equal(json(await api.invoke({ payload: "4" })), 8);
  });
});

dotnetTest("a response stream is sent in pieces, with AWS's prelude, and its error in trailers", () =>
  dotnet.run("Streams", async ({ api }) => {
    const invoke = (kind: string) => api.invoke({ payload: JSON.stringify({ kind }) });
    const plain = await invoke("plain");
    assert.equal(plain.body.toString(), "first 6 last");
    assert.equal(plain.headers["lambda-runtime-function-response-mode"], "streaming");
    assert.equal(plain.headers["content-type"], "application/vnd.awslambda.http-integration-response");
    assert.deepEqual(plain.trailers, {});
    const http = await invoke("http");
    assert.equal(http.body.toString(), `{"statusCode":201}${"\0".repeat(8)}first 6 last`);
    for (const [kind, type] of [
      ["fails", "Mine"],
      ["twice", "InvalidOperationException"],
    ] as const) {
      const { body, trailers } = await invoke(kind);
      assert.equal(body.toString(), "first ");
      assert.equal(trailers["lambda-runtime-function-error-type"], type);
      const error = Buffer.from(trailers["lambda-runtime-function-error-body"] ?? "", "base64").toString();
      assert.equal(JSON.parse(error).errorType, type);
    }
    // The next one has a stream of its own, over the same connection.
    assert.equal((await invoke("plain")).body.toString(), "first 6 last");
    assert.equal(api.connections, 1);
  }),
);

dotnetTest("handlers that cannot be used are refused with AWS's texts", async () => {
  const refused = "LambdaValidationException";
  const form = "The valid format is 'ASSEMBLY::TYPE::METHOD'.";
  for (const [handler, type, message] of [
    ["A::B", refused, `Invalid lambda function handler: 'A::B'. ${form}`],
    [
      "Example::::B",
      refused,
      `Invalid lambda function handler: 'Example::::B', the type is missing. ${form}`,
    ],
    ["Absent::A::B", refused, /^Could not find the specified handler assembly with the file name 'Absent, /],
    ["Example::No.Such::B", refused, "Unable to load type 'No.Such' from assembly 'Example'."],
    [
      "Absent",
      refused,
      /^Unable to find method 'Absent' in type 'Example[.]Cases' from assembly 'Example': Found no/,
    ],
    [
      "Over",
      refused,
      /candidates are:\nSystem[.]Object Over\(Int32\)\nSystem[.]Object Over\(System[.]String\)[.]$/,
    ],
    ["Generic", refused, /because it is a generic method/],
    ["AsyncVoid", refused, /because it is an 'async void' method/],
    ["Params", refused, /because it is a 'params' method/],
    [
      "Three",
      refused,
      "Method 'Three' of type 'Example.Cases' is not supported: the method has more than 2 parameters.",
    ],
    [
      "NoContext",
      refused,
      /the second parameter is not of type 'Amazon[.]Lambda[.]Core[.]ILambdaContext'[.]$/,
    ],
    ["Unmakeable", refused, /^The indicated serializer 'Stand[.]In[.]Unmakeable' does not define a public/],
    ["Example::Example.Abstract::Run", refused, /because its type 'Example[.]Abstract' is abstract/],
    [
      "Example::Example.Open`1::Run",
      refused,
      /^The type 'Example[.]Open`1' cannot be used .* because it is generic/,
    ],
    ["Example::Example.Interface::Run", refused, /because it is an abstract method/],
    ["Bare::Bare.Cases::Text", refused, /attempting to deserialize input data of type 'System[.]String'/],
    ["Bare::Bare.Cases::NoInput", refused, /attempting to serialize output data of type 'System[.]String'/],
    ["Example::Example.BadInit::Run", "TargetInvocationException", /./],
    ["Example::Example.BadStatic::Run", "TypeInitializationException", /./],
  ] as const)
    await dotnet.run(
      handler,
      async ({ api, process }) => {
        const { errorType, errorMessage } = json(await api.initError);
        assert.equal(errorType, type, handler);
        if (typeof message === "string") assert.equal(errorMessage, message);
        else assert.match(errorMessage, message);
        assert.equal((await process.exited).code, 1);
      },
      // The start script would refuse a package that has not the named assembly before the client looks.
      /^Ab?/.test(handler) && handler.includes(":") ? { LAMBDA_DOTNET_MAIN_ASSEMBLY: "Example" } : {},
    );
});

dotnetTest("each line on Console and each record of a logger is a record in AWS's text format", async () => {
  const recordsOf = async (handler: string, variables: Record<string, string> = {}) => {
    let records: { type: number; text: string }[] = [];
    await dotnet.run(
      handler,
      async ({ api, process }) => {
        await api.invoke({ payload: "{}" });
        process.child.kill("SIGKILL");
        records = await process.telemetry();
      },
      variables,
    );
    return records.map(({ type, text }) => [
      type,
      text.replace(/^[-\d]{10}T[:.\d]{12}Z\t[-0-9a-f]{36}\t/, ""),
    ]);
  };
  const [text, info, warn, fail, critical] = [0xa55a0003, 0xa55a000f, 0xa55a0013, 0xa55a0017, 0xa55a001b];
  assert.deepEqual(await recordsOf("Prints"), [
    [info, "info\tplain ä\n"],
    [fail, "fail\tto error\n"],
    [text, "no line end"],
    [info, "info\t1 of 2\n"],
  ]);
  const records = [
    [info, "info\tfirst line\nsecond line\n"],
    [warn, "warn\ttold\n"],
    [critical, "crit\tworst\n"],
    [info, "info\t3 of tea, 1.2\n"],
    [fail, "fail\tfailed at noon\nSystem.IO.IOException: inner\n"],
    [text, "static\n"],
    [warn, "warn\tstatic warned\n"],
  ];
  assert.deepEqual(await recordsOf("Logs"), records);
  assert.deepEqual(await recordsOf("LogsLong"), [[text, `${"x".repeat(30_000)} the end: ü\n`]]);
  // AWS: a variable of the function's own wins over its logging configuration.
  const level = { AWS_LAMBDA_HANDLER_LOG_LEVEL: "Error", AWS_LAMBDA_LOG_LEVEL: "DEBUG" };
  const isSevere = ([type]: unknown[]) => type === critical || type === fail || type === text;
  assert.deepEqual(await recordsOf("Logs", level), records.filter(isSevere));
  const unformatted = { AWS_LAMBDA_HANDLER_LOG_FORMAT: "Unformatted" };
  assert.deepEqual((await recordsOf("Prints", unformatted))[0], [info, "plain ä\n"]);
});

dotnetTest("JSON format and log level are the function's logging configuration", () =>
  dotnet.run(
    "Logs",
    async ({ api, process }) => {
      const headers = { "Lambda-Runtime-Trace-Id": "Root=1-2-3" };
      const { requestId } = await api.invoke({ payload: "{}", headers });
      process.child.kill("SIGKILL");
      const records = (await process.telemetry()).map((record) => {
        assert.equal(record.type & 0xffffff03, 0xa55a0002 | 0);
        const { timestamp, ...rest } = JSON.parse(record.text);
        assert.match(timestamp, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[.]\d{3}Z$/);
        return rest;
      });
      const common = { requestId, traceId: "Root=1-2-3" };
      const error = { errorType: "System.IO.IOException", errorMessage: "inner" };
      assert.deepEqual(records, [
        { ...common, level: "Information", message: "first line\nsecond line" },
        { ...common, level: "Debug", message: "quiet" },
        { ...common, level: "Warning", message: "told" },
        { ...common, level: "Critical", message: "worst" },
        { ...common, level: "Information", message: "3 of tea, 1.2", count: 3, product: "tea", price: "1.2" },
        {
          ...common,
          level: "Error",
          message: "failed at noon",
          0: "noon",
          ...error,
          stackTrace: ["System.IO.IOException: inner"],
        },
        { ...common, level: "Information", message: "static" },
        { ...common, level: "Warning", message: "static warned", who: "static" },
      ]);
    },
    { AWS_LAMBDA_LOG_FORMAT: "JSON", AWS_LAMBDA_LOG_LEVEL: "DEBUG" },
  ),
);

dotnetTest("a constructor may log, and pre-compilation changes nothing", () =>
  dotnet.run(
    "Example::Example.Talks::Run",
    async ({ api, process }) => {
      assert.equal(json(await api.invoke({ payload: "{}" })), "x");
      process.child.kill("SIGKILL");
      const [record] = await process.telemetry();
      assert.match(record?.text ?? "", /Z\t\tfrom the constructor\n$/);
    },
    { AWS_LAMBDA_DOTNET_PREJIT: "Always" },
  ),
);

dotnetTest("the exec wrapper gets the runtime's command line and starts it", async () => {
  const wrapper = join(dotnet.root, "wrapper");
  await writeFile(wrapper, '#!/bin/sh\nexport MINE="wrapped $(basename "$1") $2"\nexec "$@"\n', {
    mode: 0o755,
  });
  const variables = { AWS_LAMBDA_EXEC_WRAPPER: wrapper, LAMBDA_DOTNET_MAIN_ASSEMBLY: "Example.dll" };
  await dotnet.run(
    "Sees",
    async ({ api }) => {
      const seen = json(await api.invoke({ payload: "{}" }));
      assert.equal(seen.mine, "wrapped dotnet exec");
      assert.deepEqual([seen.variables, seen.directory, seen.input], [[], dotnet.directory, ""]);
    },
    variables,
  );
  await dotnet.run(
    "Sees",
    async ({ process }) => {
      assert.equal((await process.exited).code, 127);
      assert.match(await process.stderr, /no-such-wrapper: permission denied/);
    },
    { AWS_LAMBDA_EXEC_WRAPPER: "/no-such-wrapper" },
  );
});

dotnetTest(
  "what keeps a package from being started ends the process with AWS's text and status",
  async () => {
    for (const [handler, status, message] of [
      ["", 103, "Error: No Lambda Handler function was specified.\n"],
      [
        "Nope",
        104,
        `Error: executable assembly ${dotnet.directory}/Nope.dll or binary ${dotnet.directory}/Nope not found.\n`,
      ],
      ["Nope::A::B", 105, /is missing the required [.]deps[.]json file[.]\n$/],
    ] as const)
      await dotnet.run(
        "",
        async ({ process }) => {
          assert.equal((await process.exited).code, status);
          if (typeof message === "string") assert.equal(await process.stderr, message);
          else assert.match(await process.stderr, message);
        },
        { _HANDLER: handler },
      );
  },
);
