import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { settle } from "../../test/support/scripted-environments.ts";
import { scriptedPlatform as platform, text } from "../../test/support/scripted-platform.ts";

describe("between invocations", () => {
  async function warm(invocations: number) {
    const running = platform();
    const first = running.invoke();
    await settle();
    running.clock.advance(100);
    const sandbox = running.sandboxes[0];
    sandbox?.next();
    await settle();
    sandbox?.answerAndNext("0");
    await first;
    for (let i = 1; i < invocations; i++) {
      const next = running.invoke();
      running.clock.advance(2);
      sandbox?.answerAndNext(String(i));
      await next;
      await settle();
    }
    return { ...running, sandbox };
  }

  test("an environment is frozen soon after it is idle, and thawed before the next event", async () => {
    const { clock, sandbox, invoke } = await warm(1);
    await settle();
    assert.equal(sandbox?.frozen, false);
    clock.advance(20);
    assert.equal(sandbox?.frozen, true);
    const next = invoke();
    assert.equal(sandbox?.frozen, false);
    sandbox?.answerAndNext('"thawed"');
    assert.equal(text(await next), '"thawed"');
  });

  test("a short function's second caller waits for the busy environment, but not for long", async () => {
    const { clock, sandbox, sandboxes, invoke } = await warm(20);
    const first = invoke();
    const second = invoke();
    await settle();
    assert.equal(sandboxes.length, 1);
    sandbox?.answerAndNext("1");
    await first;
    clock.advance(500);
    const third = invoke();
    await settle();
    assert.equal(sandboxes.length, 1, "its predecessor took no time yet");
    clock.advance(500);
    await settle();
    assert.equal(sandboxes.length, 2);
    sandbox?.answerAndNext("2");
    assert.equal(text(await second), "2");
    sandbox?.answerAndNext("3");
    assert.equal(text(await third), "3");
  });
});
