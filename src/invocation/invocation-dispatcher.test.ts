import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { functionVersion, settle } from "../../test/support/scripted-environments.ts";
import { scriptedPlatform as platform, text } from "../../test/support/scripted-platform.ts";

describe("a cold and a warm invocation", () => {
  test("the environment is reused and only the first report has an init duration", async () => {
    const { invoke, sandboxes, lines, clock } = platform();
    const first = invoke();
    await settle();
    clock.advance(40);
    sandboxes[0]?.next();
    await settle();
    clock.advance(5);
    sandboxes[0]?.answerAndNext('"one"');
    assert.equal(text(await first), '"one"');
    await settle();
    const second = invoke();
    clock.advance(1.5);
    sandboxes[0]?.answerAndNext('"two"');
    assert.equal(text(await second), '"two"');
    await settle();
    assert.equal(sandboxes.length, 1);
    assert.deepEqual(lines, [
      `INIT_START Runtime Version: nodejs:24.v24.0.0\tRuntime Version ARN: arn:aws:lambda:us-east-1::runtime:${"ab".repeat(32)}\n`,
      "START RequestId: request-1 Version: $LATEST\n",
      "END RequestId: request-1\n",
      "REPORT RequestId: request-1\tDuration: 5.00 ms\tBilled Duration: 45 ms\tMemory Size: 128 MB\tMax Memory Used: 50 MB\tInit Duration: 40.00 ms\t\n",
      "START RequestId: request-2 Version: $LATEST\n",
      "END RequestId: request-2\n",
      "REPORT RequestId: request-2\tDuration: 1.50 ms\tBilled Duration: 2 ms\tMemory Size: 128 MB\tMax Memory Used: 50 MB\t\n",
    ]);
  });

  test("the CPU share holds from the end of initialisation on, not before", async () => {
    const { invoke, sandboxes } = platform();
    void invoke();
    await settle();
    assert.equal(sandboxes[0]?.cpuLimited, false);
    sandboxes[0]?.next();
    await settle();
    assert.equal(sandboxes[0]?.cpuLimited, true);
  });

  test("one event at a time: a second invocation gets a second environment", async () => {
    const { invoke, sandboxes } = platform();
    const first = invoke();
    await settle();
    sandboxes[0]?.next();
    await settle();
    const second = invoke();
    await settle();
    assert.equal(sandboxes.length, 2);
    assert.equal(sandboxes[0]?.events.length, 1);
    sandboxes[1]?.next();
    await settle();
    sandboxes[1]?.answerAndNext("2");
    sandboxes[0]?.answerAndNext("1");
    assert.deepEqual([text(await first), text(await second)], ["1", "2"]);
  });

  test("an invocation that waits for a start takes an environment that is freed earlier", async () => {
    const { invoke, sandboxes } = platform();
    const first = invoke();
    await settle();
    sandboxes[0]?.next();
    await settle();
    const second = invoke();
    await settle();
    sandboxes[0]?.answerAndNext("1");
    await first;
    sandboxes[0]?.answerAndNext("2");
    assert.equal(text(await second), "2");
    assert.equal(sandboxes[1]?.events.length, 0);
  });

  test("the log tail holds what the function wrote and the report, and the caller waits for it", async () => {
    const { invoke, sandboxes } = platform();
    const running = invoke(functionVersion(), true);
    await settle();
    sandboxes[0]?.next();
    await settle();
    sandboxes[0]?.stdout.write("hello from inside\n");
    sandboxes[0]?.answerAndNext("1");
    const { logTail } = await running;
    assert.match(
      logTail ?? "",
      /^START RequestId: request-1 .*\nhello from inside\nEND RequestId: request-1\nREPORT RequestId: request-1\t/,
    );
  });

  test("a line that the function does not end is the invocation's own", async () => {
    const { invoke, sandboxes, lines } = platform();
    const running = invoke(functionVersion(), true);
    await settle();
    sandboxes[0]?.next();
    await settle();
    sandboxes[0]?.stdout.write("a prompt: ");
    sandboxes[0]?.answerAndNext("1");
    assert.match((await running).logTail ?? "", /\na prompt: \nEND RequestId: request-1\n/);
    const again = invoke(functionVersion(), true);
    await settle();
    sandboxes[0]?.stdout.write("more\n");
    sandboxes[0]?.answerAndNext("2");
    assert.match((await again).logTail ?? "", /^START .*\nmore\nEND RequestId: request-2\n/);
    assert.equal(lines.filter((line) => line === "a prompt: \n").length, 1);
  });

  test("the first tail begins with what initialisation wrote, and no later one has it", async () => {
    const { invoke, sandboxes } = platform();
    const running = invoke(functionVersion(), true);
    await settle();
    sandboxes[0]?.stdout.write("loading\n");
    await settle();
    sandboxes[0]?.next();
    await settle();
    sandboxes[0]?.answerAndNext("1");
    assert.match((await running).logTail ?? "", /^loading\nSTART RequestId: request-1 /);
    const again = invoke(functionVersion(), true);
    await settle();
    sandboxes[0]?.answerAndNext("2");
    assert.match((await again).logTail ?? "", /^START RequestId: request-2 /);
  });
});

describe("what goes wrong in a function", () => {
  test("an exit that this process hears of after the time was up, as it came in time, is no time-out", async () => {
    const { invoke, sandboxes, clock } = platform();
    const running = invoke();
    await settle();
    sandboxes[0]?.next();
    await settle();
    sandboxes[0]?.exit({ code: 3 });
    // Nothing else had a turn in between, as where the machine is overloaded.
    clock.advance(3_000);
    assert.match(text(await running), /"errorType":"Runtime.ExitError"/);
  });

  test("a time-out answers AWS's error, reports it and ends the processes", async () => {
    const { invoke, sandboxes, lines, clock } = platform();
    const running = invoke();
    await settle();
    sandboxes[0]?.next();
    await settle();
    clock.advance(3_000);
    const result = await running;
    assert.equal(result.functionError, "Unhandled");
    assert.deepEqual(JSON.parse(text(result)), {
      errorType: "Sandbox.Timedout",
      errorMessage: "RequestId: request-1 Error: Task timed out after 3.00 seconds",
    });
    await settle();
    assert.equal(sandboxes[0]?.stopped, true);
    assert.match(lines.at(-1) ?? "", /Duration: 3000.00 ms\t.*Status: timeout\t/);
  });

  for (const [exit, errorType, message] of [
    [{ code: 1 }, "Runtime.ExitError", "Runtime exited with error: exit status 1"],
    [{ code: 0 }, "Runtime.ExitError", "Runtime exited without providing a reason"],
    [{ signal: "SIGSEGV" }, "Runtime.ExitError", "Runtime exited with error: signal: segmentation fault"],
    [
      { signal: "SIGKILL", outOfMemory: true },
      "Runtime.OutOfMemory",
      "Runtime exited with error: signal: killed",
    ],
  ] as const) {
    test(`a process that ends with ${JSON.stringify(exit)}`, async () => {
      const { invoke, sandboxes, lines } = platform();
      const running = invoke();
      await settle();
      sandboxes[0]?.next();
      await settle();
      sandboxes[0]?.exit(exit);
      const result = await running;
      assert.deepEqual(JSON.parse(text(result)), {
        errorType,
        errorMessage: `RequestId: request-1 Error: ${message}`,
      });
      await settle();
      assert.match(lines.at(-1) ?? "", new RegExp(`Status: error\tError Type: ${errorType}\t`));
      assert.equal(sandboxes[0]?.stopped, true);
    });
  }

  test("an error that the runtime reports is handed on and the environment lives", async () => {
    const { invoke, sandboxes } = platform();
    const running = invoke();
    await settle();
    sandboxes[0]?.next();
    await settle();
    sandboxes[0]?.session.error("request-1", Buffer.from('{"errorType":"E"}'));
    sandboxes[0]?.next();
    const result = await running;
    assert.deepEqual([result.functionError, text(result)], ["Unhandled", '{"errorType":"E"}']);
    const again = invoke();
    sandboxes[0]?.answerAndNext("1");
    assert.equal(text(await again), "1");
  });

  test("a failed initialisation is repeated inside the invocation, which gets its error", async () => {
    const { invoke, sandboxes, lines, streams } = platform();
    const running = invoke(functionVersion(), true);
    await settle();
    sandboxes[0]?.session.initError("Runtime.ImportModuleError", Buffer.from('{"errorMessage":"no module"}'));
    await settle();
    assert.equal(sandboxes.length, 2);
    sandboxes[1]?.session.initError("Runtime.ImportModuleError", Buffer.from('{"errorMessage":"no module"}'));
    const result = await running;
    assert.deepEqual([result.functionError, text(result)], ["Unhandled", '{"errorMessage":"no module"}']);
    await settle();
    assert.deepEqual(
      lines.map((line) => line.split(/[ \t]/).slice(0, 1).join()),
      ["INIT_START", "INIT_REPORT", "INIT_REPORT", "START", "END", "REPORT"],
    );
    assert.match(
      result.logTail ?? "",
      /^INIT_REPORT .*Phase: init\t.*\nINIT_REPORT .*Phase: invoke\t.*\nSTART /,
      "the tail has both",
    );
    assert.equal(streams.length, 1);
    assert.deepEqual(
      sandboxes.map((sandbox) => sandbox.stopped),
      [true, true],
    );
  });

  for (const [body, expected] of [
    ['{"errorMessage":"no bootstrap"}', "RequestId: request-1 Error: no bootstrap"],
    ["not JSON", undefined],
    ["null", undefined],
  ] as const) {
    test(`a missing bootstrap names the request; ${body} from whoever wrote it does no harm`, async () => {
      const { invoke, sandboxes } = platform();
      const running = invoke();
      for (const index of [0, 1]) {
        await settle();
        sandboxes[index]?.session.initError("Runtime.InvalidEntrypoint", Buffer.from(body));
      }
      const result = await running;
      assert.equal(
        text(result),
        expected === undefined
          ? body
          : JSON.stringify({ errorType: "Runtime.InvalidEntrypoint", errorMessage: expected }),
      );
    });
  }

  test("an initialisation longer than ten seconds goes on inside the invocation under its own timeout", async () => {
    const { invoke, sandboxes, lines, clock } = platform();
    const running = invoke(functionVersion({ timeoutSeconds: 30 }));
    await settle();
    clock.advance(10_000);
    await settle();
    assert.match(lines[1] ?? "", /^INIT_REPORT Init Duration: 10000.00 ms\tPhase: init\tStatus: timeout\n$/);
    clock.advance(12_000);
    sandboxes[1]?.next();
    await settle();
    sandboxes[1]?.answerAndNext("1");
    assert.equal(text(await running), "1");
    await settle();
    assert.match(lines.at(-1) ?? "", /Duration: 12000.00 ms\tBilled Duration: 12000 ms\t/);
  });

  test("a sandbox that cannot be made is the platform's fault and is told to the operator", async () => {
    const { invoke, failures } = platform({}, () => new Error("no room on disk"));
    await assert.rejects(invoke(), { name: "ServiceException", status: 500 });
    assert.equal(failures.length, 1);
  });
});

describe("limits", () => {
  test("over the account's concurrency a request is throttled with the reason", async () => {
    const { invoke } = platform({ accountConcurrency: 1 });
    void invoke().catch(() => undefined);
    await assert.rejects(invoke(), {
      name: "TooManyRequestsException",
      status: 429,
      members: { Reason: "ConcurrentInvocationLimitExceeded", retryAfterSeconds: "1" },
    });
  });

  test("on a full machine the least recently used idle environment makes room", async () => {
    const { invoke, sandboxes } = platform({ maxEnvironments: 1 });
    const first = invoke();
    await settle();
    sandboxes[0]?.next();
    await settle();
    sandboxes[0]?.answerAndNext("1");
    await first;
    const other = invoke(functionVersion({ functionName: "other", deploymentId: "deployment-2" }));
    await settle();
    assert.equal(sandboxes[0]?.destroyed, true);
    sandboxes[1]?.next();
    await settle();
    sandboxes[1]?.answerAndNext("2");
    assert.equal(text(await other), "2");
  });

  test("on a machine full of busy environments waiting has an end", async () => {
    const { invoke, sandboxes, clock } = platform({ maxEnvironments: 1, maxWaitMs: 500 });
    void invoke(functionVersion({ timeoutSeconds: 60 }));
    await settle();
    sandboxes[0]?.next();
    await settle();
    const other = invoke(functionVersion({ deploymentId: "deployment-2" }));
    await settle();
    clock.advance(500);
    await assert.rejects(other, { name: "TooManyRequestsException" });
  });

  test("idle environments are ended after the idle time", async () => {
    const { invoke, sandboxes, clock } = platform({ idleTimeoutMs: 10_000 });
    const first = invoke();
    await settle();
    sandboxes[0]?.next();
    await settle();
    sandboxes[0]?.answerAndNext("1");
    await first;
    await settle();
    clock.advance(16_000);
    await settle();
    assert.equal(sandboxes[0]?.destroyed, true);
  });

  test("a retired deployment finishes its invocation and is gone then", async () => {
    const { invoke, sandboxes, dispatcher } = platform();
    const first = invoke();
    await settle();
    sandboxes[0]?.next();
    await settle();
    dispatcher.retire("deployment-1");
    assert.equal(sandboxes[0]?.destroyed, false);
    sandboxes[0]?.answerAndNext("1");
    assert.equal(text(await first), "1");
    await settle();
    assert.equal(sandboxes[0]?.destroyed, true);
  });

  test("closing lets running invocations finish and refuses new ones", async () => {
    const { invoke, sandboxes, dispatcher } = platform();
    const first = invoke();
    await settle();
    sandboxes[0]?.next();
    await settle();
    const closed = dispatcher.close(5_000);
    await assert.rejects(invoke(), { status: 503 });
    sandboxes[0]?.answerAndNext("1");
    assert.equal(text(await first), "1");
    await closed;
    assert.equal(sandboxes[0]?.destroyed, true);
  });
});

describe("the Runtime API's states", () => {
  test("an answer to another request, a second answer and a next too often are refused", async () => {
    const { invoke, sandboxes } = platform();
    void invoke();
    await settle();
    const sandbox = sandboxes[0];
    sandbox?.next();
    await settle();
    assert.equal(sandbox?.session.response("other", Buffer.from("1"))?.errorType, "InvalidRequestID");
    // The event once more, as AWS has it, but not for ever.
    for (let again = 0; again < 3; again++) assert.equal(sandbox?.next(), undefined);
    assert.equal(sandbox?.next()?.errorType, "InvalidStateTransition");
    assert.equal(sandbox?.session.response("request-1", Buffer.from("1")), undefined);
    assert.equal(
      sandbox?.session.response("request-1", Buffer.from("1"))?.errorType,
      "InvalidStateTransition",
    );
    assert.equal(
      sandbox?.session.initError(undefined, Buffer.from("1"))?.errorType,
      "InvalidStateTransition",
    );
  });

  test("credentials and identity reach the process, and no reserved variable can be overridden", async () => {
    const { invoke, sandboxes } = platform();
    void invoke(functionVersion({ environmentVariables: { MINE: "1", LANG: "C", AWS_REGION: "x" } }));
    await settle();
    const variables = sandboxes[0]?.environmentVariables ?? {};
    assert.equal(variables["MINE"], "1");
    assert.equal(variables["LANG"], "C");
    assert.equal(variables["AWS_REGION"], "us-east-1");
    assert.equal(variables["AWS_ACCESS_KEY_ID"], "ASIA");
    assert.match(variables["AWS_LAMBDA_LOG_STREAM_NAME"] ?? "", /^\d{4}\/\d\d\/\d\d\/\[\$LATEST\]0{32}$/);
  });
});
