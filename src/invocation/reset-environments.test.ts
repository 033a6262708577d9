import assert from "node:assert/strict";
import { beforeEach, describe, test } from "node:test";
import { functionVersion, settle } from "../../test/support/scripted-environments.ts";
import { scriptedPlatform, text } from "../../test/support/scripted-platform.ts";

const OTHER = functionVersion({ functionName: "other", deploymentId: "deployment-2" });

describe("an environment that failed", () => {
  let p: ReturnType<typeof scriptedPlatform>;

  beforeEach(async () => {
    p = scriptedPlatform({ maxEnvironments: 1 });
    const first = p.invoke();
    await settle();
    p.clock.advance(20);
    p.sandboxes[0]?.next();
    await settle();
    p.sandboxes[0]?.exit({ code: 1 });
    assert.equal((await first).functionError, "Unhandled");
    await settle();
  });

  test("keeps its place, its log stream and its /tmp, but no process", () => {
    const [sandbox] = p.sandboxes;
    assert.deepEqual([sandbox?.stopped, sandbox?.destroyed], [true, false]);
    assert.equal(p.dispatcher.environmentCounts().get("nodejs24.x"), 1);
  });

  test("initialises inside the next invocation, whose duration this is part of", async () => {
    const next = p.invoke();
    await settle();
    const [first, second] = p.sandboxes;
    assert.equal(second?.keepScratchOf, first);
    p.clock.advance(30);
    second?.next();
    await settle();
    p.clock.advance(5);
    second?.answerAndNext('"again"');
    assert.equal(text(await next), '"again"');
    await settle();
    assert.equal(p.streams.length, 1);
    assert.deepEqual(
      p.lines.slice(-3).map((line) => line.split("Memory Size")[0]),
      [
        "START RequestId: request-2 Version: $LATEST\n",
        "END RequestId: request-2\n",
        "REPORT RequestId: request-2\tDuration: 35.00 ms\tBilled Duration: 35 ms\t",
      ],
    );
    assert.equal(first?.destroyed, true, "nothing is left of the first sandbox itself");
    assert.equal(p.dispatcher.environmentCounts().get("nodejs24.x"), 1);
  });

  test("is warm again afterwards", async () => {
    const next = p.invoke();
    await settle();
    p.sandboxes[1]?.next();
    await settle();
    p.sandboxes[1]?.answerAndNext("1");
    await next;
    await settle();
    const third = p.invoke();
    p.sandboxes[1]?.answerAndNext("2");
    assert.equal(text(await third), "2");
    assert.equal(p.sandboxes.length, 2);
    await settle();
    assert.doesNotMatch(p.lines.at(-1) ?? "", /Init Duration/, "which was part of the invocation before");
  });

  test("reports an initialisation that fails inside the invocation, and is reset again", async () => {
    const next = p.invoke();
    await settle();
    p.sandboxes[1]?.session.initError("Runtime.ImportModuleError", Buffer.from('{"errorMessage":"gone"}'));
    assert.equal(text(await next), '{"errorMessage":"gone"}');
    await settle();
    assert.match(
      p.lines.at(-4) ?? "",
      /^INIT_REPORT Init Duration: .* ms\tPhase: invoke\tStatus: error\tError Type: Runtime.ImportModuleError\n$/,
    );
    const third = p.invoke();
    await settle();
    assert.equal(p.sandboxes[2]?.keepScratchOf, p.sandboxes[1]);
    p.sandboxes[2]?.next();
    await settle();
    p.sandboxes[2]?.answerAndNext("3");
    assert.equal(text(await third), "3");
  });

  test("fails with its exit, though this process hears of it after the time was up", async () => {
    const next = p.invoke();
    await settle();
    p.sandboxes[1]?.exit({ code: 7 });
    // Nothing else had a turn in between, as where the machine is overloaded.
    p.clock.advance(3_000);
    assert.match(text(await next), /"errorType":"Runtime.ExitError"/);
  });

  test("times out when its initialisation takes longer than the function may", async () => {
    const next = p.invoke();
    await settle();
    p.clock.advance(3_000);
    assert.match(text(await next), /"errorType":"Sandbox.Timedout"/);
  });

  test("makes room for another function", async () => {
    const other = p.invoke(OTHER);
    await settle();
    assert.equal(p.sandboxes[0]?.destroyed, true);
    assert.equal(p.sandboxes[1]?.keepScratchOf, undefined);
    p.sandboxes[1]?.next();
    await settle();
    p.sandboxes[1]?.answerAndNext("1");
    assert.equal(text(await other), "1");
  });

  test("is ended after the idle time, and with its deployment", async () => {
    p.clock.advance(70_000);
    await settle();
    assert.equal(p.sandboxes[0]?.destroyed, true);
    assert.equal(p.dispatcher.environmentCounts().size, 0);
  });

  test("is gone when its deployment is retired", async () => {
    p.dispatcher.retire("deployment-1");
    await settle();
    assert.equal(p.sandboxes[0]?.destroyed, true);
    assert.equal(p.dispatcher.environmentCounts().size, 0);
  });

  test("is gone when Lambent closes", async () => {
    await p.dispatcher.close(0);
    assert.equal(p.sandboxes[0]?.destroyed, true);
  });
});

test("a repeated initialisation has all of the function's time when its sandbox is there, however long that took", async () => {
  let sandboxTakesMs = 0;
  const p = scriptedPlatform({ maxEnvironments: 1 }, () => {
    p.clock.advance(sandboxTakesMs);
    return undefined;
  });
  const first = p.invoke();
  await settle();
  p.sandboxes[0]?.next();
  await settle();
  p.sandboxes[0]?.exit({ code: 1 });
  await first;
  await settle();
  sandboxTakesMs = 5_000;
  const next = p.invoke();
  await settle();
  p.clock.advance(2_900);
  await settle();
  p.sandboxes[1]?.next();
  await settle();
  p.sandboxes[1]?.answerAndNext('"in time"');
  assert.equal(text(await next), '"in time"');
  await settle();
  assert.match(p.lines.at(-1) ?? "", /\tDuration: 2900\.00 ms\t/);
});

test("a reset that cannot be started gives its place back and is the platform's fault", async () => {
  const problem: { error?: Error } = {};
  const p = scriptedPlatform({ maxEnvironments: 1 }, () => problem.error);
  const first = p.invoke();
  await settle();
  p.sandboxes[0]?.next();
  await settle();
  p.sandboxes[0]?.exit({ code: 1 });
  await first;
  await settle();
  problem.error = new Error("no room on disk");
  await assert.rejects(p.invoke(), { name: "ServiceException" });
  await settle();
  assert.equal(p.sandboxes[0]?.destroyed, true);
  delete problem.error;
  const third = p.invoke(OTHER);
  await settle();
  p.sandboxes[1]?.next();
  await settle();
  p.sandboxes[1]?.answerAndNext("3");
  assert.equal(text(await third), "3");
});

test("what waits for a deployment that is retired meanwhile is answered when its initialisation fails, and nothing is left", async () => {
  const p = scriptedPlatform({ maxEnvironments: 1 });
  const waiting = [p.invoke(), p.invoke()];
  await settle();
  p.dispatcher.retire("deployment-1");
  for (let round = 0; round < 3; round++) {
    p.sandboxes
      .at(-1)
      ?.session.initError("Runtime.ImportModuleError", Buffer.from('{"errorMessage":"gone"}'));
    await settle();
  }
  for (const each of waiting) assert.equal(text(await each), '{"errorMessage":"gone"}');
  await settle();
  assert.ok(p.sandboxes.every(({ destroyed }) => destroyed));
  assert.equal(p.dispatcher.environmentCounts().size, 0);
});
