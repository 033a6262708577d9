import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { functionVersion, settle } from "../../test/support/scripted-environments.ts";
import { scriptedPlatform } from "../../test/support/scripted-platform.ts";

const VERSION = functionVersion({ version: "1" });
/** The same deployment, to run on another version of its runtime. */
const RENEWED = functionVersion({
  version: "1",
  runtimePin: { versionHash: "cd".repeat(32), required: true },
});

describe("a runtime's update", () => {
  test("ends idle environments at once and busy ones after their invocation", async () => {
    const { dispatcher, sandboxes, invoke } = scriptedPlatform();
    const [first, second] = [invoke(VERSION), invoke(VERSION)];
    await settle();
    for (const sandbox of sandboxes) sandbox.next();
    await settle();
    sandboxes[0]?.answerAndNext('"old"');
    await first;
    await settle();
    dispatcher.renewRuntimes();
    await settle();
    assert.deepEqual(
      sandboxes.map(({ destroyed }) => destroyed),
      [false, false],
      "nothing has changed",
    );
    dispatcher.renewRuntimes(RENEWED);
    await settle();
    assert.deepEqual(
      sandboxes.map(({ destroyed }) => destroyed),
      [true, false],
    );
    sandboxes[1]?.answerAndNext('"old"');
    await second;
    await settle();
    assert.equal(sandboxes[1]?.destroyed, true);
    const third = invoke(RENEWED);
    await settle();
    sandboxes[2]?.next();
    await settle();
    sandboxes[2]?.answerAndNext('"new"');
    await third;
    await settle();
    assert.deepEqual([sandboxes.length, sandboxes[2]?.destroyed], [3, false]);
  });

  test("replaces the environments of provisioned concurrency", async () => {
    const { dispatcher, sandboxes } = scriptedPlatform();
    const { account, region, functionName } = VERSION;
    const provisioned = [{ version: VERSION, requested: 1, lastModifiedMs: 1 }];
    dispatcher.configure({ account, region, functionName, reserved: undefined, provisioned });
    await settle();
    sandboxes[0]?.next();
    await settle();
    dispatcher.renewRuntimes(RENEWED);
    await settle();
    assert.deepEqual([sandboxes.length, sandboxes[0]?.destroyed], [2, true]);
    sandboxes[1]?.next();
    await settle();
    assert.deepEqual(dispatcher.provisionedAllocation(VERSION), {
      allocated: 1,
      available: 1,
      failure: undefined,
    });
  });
});
