import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { functionVersion, settle } from "../../test/support/scripted-environments.ts";
import { scriptedPlatform } from "../../test/support/scripted-platform.ts";
import { KeepAlive, KeepAlives } from "./keep-alive.ts";

const MINUTE_MS = 60_000;
const BOUNDS = { minMs: 30_000, defaultMs: 5 * MINUTE_MS, maxMs: 60 * MINUTE_MS };

function learnt(...idleMinutes: number[]): number {
  const keepAlive = new KeepAlive(BOUNDS);
  for (const minutes of idleMinutes) keepAlive.wasIdle(minutes * MINUTE_MS);
  return keepAlive.keepMs / MINUTE_MS;
}

const times = (count: number, minutes: number): number[] => Array.from({ length: count }, () => minutes);

describe("how long idle environments are kept", () => {
  test("the configured time while little is known", () => {
    assert.equal(learnt(), 5);
    assert.equal(learnt(...times(7, 2)), 5);
  });

  test("idle times that every environment survives say nothing", () => {
    assert.equal(learnt(...times(1_000, 0.1)), 5);
  });

  test("a little longer than nearly all idle times seen", () => {
    for (const minutes of [1, 8, 45]) {
      const kept = learnt(...times(50, minutes));
      assert.ok(kept >= minutes && kept <= minutes * 1.4, `${kept} minutes for ${minutes}`);
    }
  });

  test("one in two hundred that is much longer does not count, one in ten does", () => {
    assert.ok(learnt(...times(199, 2), 50) < 3);
    assert.ok(learnt(...times(90, 2), ...times(10, 50)) > 45);
  });

  test("not at all, when a function is used again only long after its environments are gone", () => {
    assert.equal(learnt(...times(20, 180)), 0.5);
  });

  test("what is long ago is forgotten", () => {
    assert.ok(learnt(...times(500, 40), ...times(2_500, 2)) < 3);
  });

  test("an environment that was ended too early counts with the time it would have been idle", () => {
    const keepAlive = new KeepAlive(BOUNDS);
    for (let i = 0; i < 10; i++) {
      keepAlive.ended(i * 10 * MINUTE_MS);
      keepAlive.started((i + 1) * 10 * MINUTE_MS);
    }
    assert.ok(keepAlive.keepMs >= 10 * MINUTE_MS);
  });

  test("always within its bounds", () => {
    fc.assert(
      fc.property(fc.array(fc.double({ min: 0, max: 1e9, noNaN: true }), { maxLength: 2_000 }), (all) => {
        const keepAlive = new KeepAlive(BOUNDS);
        for (const durationMs of all) keepAlive.wasIdle(durationMs);
        return keepAlive.keepMs >= BOUNDS.minMs && keepAlive.keepMs <= BOUNDS.maxMs;
      }),
      { numRuns: 50 },
    );
  });

  test("it is learnt per function, over its deployments", () => {
    const all = new KeepAlives(BOUNDS);
    assert.equal(all.of(functionVersion()), all.of(functionVersion({ deploymentId: "deployment-9" })));
    assert.notEqual(all.of(functionVersion()), all.of(functionVersion({ functionName: "other" })));
  });
});

describe("environments", () => {
  async function warm(limits = {}) {
    const p = scriptedPlatform({ idleTimeoutMs: 5 * MINUTE_MS, idleTimeoutMaxMs: 60 * MINUTE_MS, ...limits });
    const serve = async (): Promise<void> => {
      const before = p.sandboxes.length;
      const running = p.invoke();
      await settle();
      if (p.sandboxes.length > before) p.sandboxes.at(-1)?.next();
      await settle();
      p.sandboxes.at(-1)?.answerAndNext("1");
      await running;
      await settle();
    };
    /** In steps, so that what is done every few seconds happens in its time. */
    const pass = async (minutes: number): Promise<void> => {
      for (let i = 0; i < minutes * 6; i++) {
        p.clock.advance(10_000);
        await settle();
      }
    };
    await serve();
    return { ...p, serve, pass };
  }

  test("of a function that comes every eight minutes are kept when that is known", async () => {
    const { serve, pass, sandboxes } = await warm();
    for (let i = 0; i < 8; i++) {
      await pass(8);
      await serve();
    }
    assert.equal(sandboxes.length, 9, "ended each time after the five minutes that are configured");
    await pass(8);
    await serve();
    assert.equal(sandboxes.length, 9);
  });

  test("of a function that comes every minute are ended earlier than configured", async () => {
    const { serve, pass, sandboxes } = await warm();
    for (let i = 0; i < 10; i++) {
      await pass(1);
      await serve();
    }
    assert.equal(sandboxes.length, 1);
    await pass(2);
    assert.equal(sandboxes[0]?.destroyed, true);
  });

  test("that have lived long are replaced when they are idle, not before", async () => {
    const { invoke, pass, sandboxes, clock } = await warm({ maxLifeMs: 10 * MINUTE_MS });
    const running = invoke(functionVersion({ timeoutSeconds: 900 }));
    await settle();
    await pass(11);
    assert.equal(sandboxes[0]?.destroyed, false);
    const waiting = invoke(functionVersion({ timeoutSeconds: 900 }));
    await settle();
    sandboxes[0]?.answerAndNext("1");
    await running;
    await settle();
    assert.equal(sandboxes[0]?.destroyed, true);
    clock.advance(10);
    assert.equal(sandboxes.length, 2);
    sandboxes[1]?.next();
    await settle();
    sandboxes[1]?.answerAndNext("2");
    await waiting;
  });
});
