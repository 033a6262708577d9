import assert from "node:assert/strict";
import { beforeEach, describe, test } from "node:test";
import { functionVersion, settle } from "../../test/support/scripted-environments.ts";
import { scriptedPlatform } from "../../test/support/scripted-platform.ts";
import type { InvocationResult } from "../core/invocation.ts";

const VERSION = functionVersion({ version: "1" });
const OTHER = functionVersion({ functionName: "other", deploymentId: "deployment-2" });

function platform(maxEnvironments = 100) {
  const problem: { error?: Error } = {};
  const scripted = scriptedPlatform({ accountConcurrency: 2000, maxEnvironments }, () => problem.error);
  const { dispatcher } = scripted;
  let changes = 0;
  return {
    ...scripted,
    problem,
    invoke: (version = VERSION): Promise<InvocationResult> => scripted.invoke(version),
    async provide(requested: number, version = VERSION) {
      const { account, region, functionName } = version;
      const provisioned = requested === 0 ? [] : [{ version, requested, lastModifiedMs: ++changes }];
      dispatcher.configure({ account, region, functionName, reserved: undefined, provisioned });
      await settle();
    },
    allocation: (version = VERSION) => dispatcher.provisionedAllocation(version),
  };
}

let p: ReturnType<typeof platform>;
beforeEach(() => {
  p = platform();
});

/** Provides so many environments and lets all of them initialise. */
async function ready(count: number): Promise<void> {
  await p.provide(count);
  for (const sandbox of p.sandboxes) sandbox.next();
  await settle();
  assert.deepEqual(p.allocation(), { allocated: count, available: count, failure: undefined });
}

describe("provisioned environments", () => {
  test("are started and initialised before any is available, and say how they were initialised", async () => {
    await p.provide(2);
    assert.equal(p.sandboxes.length, 2);
    assert.equal(
      p.sandboxes[0]?.environmentVariables["AWS_LAMBDA_INITIALIZATION_TYPE"],
      "provisioned-concurrency",
    );
    assert.deepEqual(p.allocation(), { allocated: 0, available: 0, failure: undefined });
    p.sandboxes[0]?.next();
    await settle();
    assert.deepEqual(p.allocation(), { allocated: 1, available: 0, failure: undefined });
    const early = p.invoke();
    await settle();
    assert.equal(p.sandboxes[0]?.events.length, 0, "none takes an event before all are there");
    assert.equal(p.sandboxes[2]?.environmentVariables["AWS_LAMBDA_INITIALIZATION_TYPE"], "on-demand");
    p.sandboxes[1]?.next();
    await settle();
    assert.deepEqual(p.allocation(), { allocated: 2, available: 2, failure: undefined });
    const [taker] = p.sandboxes.filter(({ events }) => events.length === 1);
    assert.ok(taker !== undefined && taker !== p.sandboxes[2], "the waiting invocation is taken then");
    taker.answerAndNext("1");
    await early;
  });

  test("report their initialisation, which is no part of the first invocation's report", async () => {
    await p.provide(1);
    p.clock.advance(40);
    p.sandboxes[0]?.next();
    await settle();
    assert.equal(p.sandboxes[0]?.cpuLimited, true);
    const running = p.invoke();
    p.clock.advance(5);
    p.sandboxes[0]?.answerAndNext("1");
    await running;
    await settle();
    assert.deepEqual(p.lines.slice(1), [
      "INIT_REPORT Init Duration: 40.00 ms\tPhase: init\tStatus: success\n",
      "START RequestId: request-1 Version: 1\n",
      "END RequestId: request-1\n",
      "REPORT RequestId: request-1\tDuration: 5.00 ms\tBilled Duration: 5 ms\tMemory Size: 128 MB\tMax Memory Used: 50 MB\t\n",
    ]);
  });

  test("may take 130 seconds to initialise, or the function's timeout when that is longer", async () => {
    for (const [timeoutSeconds, limitMs] of [
      [3, 130_000],
      [900, 900_000],
    ] as const) {
      p = platform();
      const version = functionVersion({ version: "1", timeoutSeconds });
      await p.provide(1, version);
      p.clock.advance(limitMs - 1);
      await settle();
      assert.equal(p.allocation(version).failure, undefined);
      p.clock.advance(1);
      await settle();
      assert.equal(p.allocation(version).failure, "FUNCTION_ERROR_INIT_FAILURE");
      assert.match(p.lines.at(-1) ?? "", /^INIT_REPORT .*Status: timeout\n$/);
    }
  });

  test("are used before on-demand ones, which take what spills over", async () => {
    await ready(1);
    const first = p.invoke();
    const second = p.invoke();
    await settle();
    assert.equal(p.sandboxes[0]?.events.length, 1);
    p.sandboxes[1]?.next();
    await settle();
    assert.equal(p.sandboxes[1]?.events.length, 1);
    p.sandboxes[0]?.answerAndNext("1");
    p.sandboxes[1]?.answerAndNext("2");
    await Promise.all([first, second]);
    const third = p.invoke();
    assert.equal(p.sandboxes[0]?.events.length, 2, "although the other one was used last");
    p.sandboxes[0]?.answerAndNext("3");
    await third;
  });

  test("are kept when idle, and are not ended to make room", async () => {
    p = platform(2);
    await ready(1);
    p.clock.advance(3_600_000);
    await settle();
    assert.equal(p.sandboxes[0]?.destroyed, false);
    void p.invoke(OTHER);
    await settle();
    void p.invoke({ ...OTHER, deploymentId: "deployment-3" }).catch(() => undefined);
    await settle();
    assert.equal(p.sandboxes[0]?.destroyed, false);
    assert.equal(p.sandboxes.length, 2);
  });

  test("make idle on-demand environments give way on a full machine", async () => {
    p = platform(1);
    const first = p.invoke(OTHER);
    await settle();
    p.sandboxes[0]?.next();
    await settle();
    p.sandboxes[0]?.answerAndNext("1");
    await first;
    await p.provide(1);
    assert.equal(p.sandboxes[0]?.destroyed, true);
    p.sandboxes[1]?.next();
    await settle();
    assert.equal(p.allocation().available, 1);
  });

  test("are replaced after a crash", async () => {
    await ready(2);
    const running = p.invoke();
    const [busy] = p.sandboxes.filter(({ events }) => events.length === 1);
    busy?.exit({ code: 1 });
    assert.equal((await running).functionError, "Unhandled");
    await settle();
    assert.deepEqual(p.allocation(), { allocated: 1, available: 1, failure: undefined });
    assert.equal(p.sandboxes.length, 3);
    p.sandboxes[2]?.next();
    await settle();
    assert.equal(p.allocation().available, 2);
  });

  test("that die without an event are replaced a second later", async () => {
    await ready(1);
    p.sandboxes[0]?.exit({ code: 1 });
    await settle();
    assert.equal(p.sandboxes.length, 1);
    p.clock.advance(1_000);
    await settle();
    assert.equal(p.sandboxes.length, 2);
  });

  test("whose replacement fails leave the others in service, and are tried again", async () => {
    await ready(2);
    const running = p.invoke();
    const [busy] = p.sandboxes.filter(({ events }) => events.length === 1);
    busy?.exit({ code: 1 });
    await running;
    await settle();
    p.sandboxes[2]?.exit({ code: 1 });
    await settle();
    assert.deepEqual(p.allocation(), { allocated: 1, available: 1, failure: "FUNCTION_ERROR_INIT_FAILURE" });
    p.clock.advance(60_000);
    await settle();
    p.sandboxes[3]?.next();
    await settle();
    assert.deepEqual(p.allocation(), { allocated: 2, available: 2, failure: undefined });
  });
});

describe("a change of provisioned concurrency", () => {
  test("to fewer ends idle ones now and busy ones when they are free", async () => {
    await ready(3);
    const running = [p.invoke(), p.invoke()];
    const busy = p.sandboxes.filter(({ events }) => events.length === 1);
    await p.provide(1);
    assert.equal(p.sandboxes.filter(({ destroyed }) => destroyed).length, 1);
    for (const sandbox of busy) sandbox.answerAndNext("1");
    await Promise.all(running);
    await settle();
    assert.equal(p.sandboxes.filter(({ destroyed }) => destroyed).length, 2);
    assert.equal(p.allocation().available, 1);
  });

  test("to another version drains the old one's and starts the new one's", async () => {
    await ready(1);
    const next = functionVersion({ version: "2", deploymentId: "deployment-2" });
    await p.provide(1, next);
    assert.equal(p.sandboxes[0]?.destroyed, true);
    p.sandboxes[1]?.next();
    await settle();
    assert.deepEqual([p.allocation().available, p.allocation(next).available], [0, 1]);
    assert.deepEqual([...p.dispatcher.environmentCounts()], [["nodejs24.x", 1]]);
  });

  test("to none, and the end of the version, drain all", async () => {
    await ready(1);
    await p.provide(0);
    assert.equal(p.sandboxes[0]?.destroyed, true);
    await p.provide(1);
    p.sandboxes[1]?.next();
    await settle();
    p.dispatcher.retire("deployment-1");
    await settle();
    assert.equal(p.sandboxes[1]?.destroyed, true);
    assert.equal(p.dispatcher.environmentCounts().size, 0);
  });

  test("after a failure tries again", async () => {
    await p.provide(2);
    p.sandboxes[0]?.next();
    p.sandboxes[1]?.session.initError("Runtime.ImportModuleError", Buffer.from("{}"));
    await settle();
    assert.deepEqual(p.allocation(), { allocated: 0, available: 0, failure: "FUNCTION_ERROR_INIT_FAILURE" });
    assert.deepEqual(
      p.sandboxes.map(({ destroyed }) => destroyed),
      [true, true],
    );
    assert.match(
      p.lines.at(-1) ?? "",
      /^INIT_REPORT .*Status: error\tError Type: Runtime.ImportModuleError\n$/,
    );
    p.clock.advance(3_600_000);
    await settle();
    assert.equal(p.sandboxes.length, 2, "not by itself");
    await p.provide(1);
    p.sandboxes[2]?.next();
    await settle();
    assert.deepEqual(p.allocation(), { allocated: 1, available: 1, failure: undefined });
  });
});

describe("what the machine cannot do", () => {
  test("is the reason of the failure: no sandbox", async () => {
    p.problem.error = new Error("no room on disk");
    await p.provide(1);
    assert.equal(p.allocation().failure, "The execution environment could not be started.");
    assert.equal(p.failures.length, 1);
  });

  test("is the reason of the failure: more environments than it carries", async () => {
    p = platform(2);
    await p.provide(3);
    assert.equal(p.allocation().failure, "This machine carries at most 2 execution environments.");
    assert.equal(p.sandboxes.length, 0);
  });
});

test("closing ends provisioned environments and starts none again", async () => {
  await ready(2);
  await p.dispatcher.close(1_000);
  await p.provide(3);
  assert.deepEqual(
    p.sandboxes.map(({ destroyed }) => destroyed),
    [true, true],
  );
});

test("over the scaling rate an invocation is throttled instead of starting an environment", async () => {
  p = platform(2_000);
  const runs = Array.from({ length: 1001 }, () => p.invoke(OTHER));
  const last = assert.rejects(runs.at(-1) ?? Promise.resolve(), { name: "TooManyRequestsException" });
  let initialized = 0;
  while (initialized < 1000) {
    await settle();
    assert.ok(p.sandboxes.length > initialized);
    for (; initialized < p.sandboxes.length; initialized++) p.sandboxes[initialized]?.next();
  }
  await last;
  await settle();
  assert.equal(p.sandboxes.length, 1000);
});
