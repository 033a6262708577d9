import assert from "node:assert/strict";
import { test } from "node:test";
import { functionVersion, settle } from "../../test/support/scripted-environments.ts";
import { scriptedPlatform, text } from "../../test/support/scripted-platform.ts";
import { environmentLifeMs } from "./recycling.ts";

const HOUR_MS = 3_600_000;

test("environments that are started together end at different times, none later than allowed", () => {
  const lives = ["0", "8", "f"].map((digit) => environmentLifeMs(digit.repeat(32), HOUR_MS));
  assert.equal(lives[0], 0.75 * HOUR_MS);
  assert.equal(lives[2], HOUR_MS);
  assert.ok(lives[1] !== undefined && lives[1] > 0.75 * HOUR_MS && lives[1] < HOUR_MS);
});

test("a provisioned environment serves until its replacement is ready", async () => {
  const version = functionVersion({ version: "1" });
  const p = scriptedPlatform({ maxLifeMs: HOUR_MS });
  const { account, region, functionName } = version;
  const provisioned = [{ version, requested: 1, lastModifiedMs: 1 }];
  p.dispatcher.configure({ account, region, functionName, reserved: undefined, provisioned });
  await settle();
  const [old] = p.sandboxes;
  old?.next();
  await settle();
  for (let i = 0; i < 61 && p.sandboxes.length === 1; i++) {
    p.clock.advance(60_000);
    await settle();
  }
  assert.equal(p.sandboxes.length, 2, "a replacement is started");
  assert.equal(old?.stopped, false);
  const during = p.invoke(version);
  old?.answerAndNext('"old"');
  assert.equal(text(await during), '"old"');
  p.sandboxes[1]?.next();
  await settle();
  assert.equal(old?.destroyed, true);
  assert.deepEqual(p.dispatcher.provisionedAllocation(version), {
    allocated: 1,
    available: 1,
    failure: undefined,
  });
  const after = p.invoke(version);
  p.sandboxes[1]?.answerAndNext('"new"');
  assert.equal(text(await after), '"new"');
  await settle();
  assert.equal(p.sandboxes.length, 2);
});
