import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { functionVersion, type ScriptedSandbox, settle } from "../../test/support/scripted-environments.ts";
import { scriptedPlatform } from "../../test/support/scripted-platform.ts";

const version = (functionName: string) =>
  functionVersion({ functionName, deploymentId: `deployment-of-${functionName}`, timeoutSeconds: 900 });

/** A machine whose environments take an invocation for `durationMs`, played step by step. */
function machine(maxEnvironments: number, limits = {}) {
  const p = scriptedPlatform({ maxEnvironments, maxWaitMs: 600_000, ...limits });
  const served = new Map<string, number>();
  const refused = new Map<string, number>();
  const busySinceMs = new Map<ScriptedSandbox, number>();
  const initialized = new Set<ScriptedSandbox>();
  const count = (into: Map<string, number>, name: string): void => {
    into.set(name, (into.get(name) ?? 0) + 1);
  };
  const invoke = (name: string, times = 1): void => {
    for (let i = 0; i < times; i++)
      p.invoke(version(name)).then(
        () => count(served, name),
        () => count(refused, name),
      );
  };
  /** Every environment initialises in 50 ms and answers in 10. */
  const step = async (): Promise<void> => {
    await settle();
    p.clock.advance(10);
    for (const sandbox of p.sandboxes) {
      if (sandbox.stopped) continue;
      if (!initialized.has(sandbox)) {
        const since = busySinceMs.get(sandbox) ?? p.clock.monotonicMs();
        busySinceMs.set(sandbox, since);
        if (p.clock.monotonicMs() - since < 50) continue;
        initialized.add(sandbox);
        sandbox.next();
      } else if (sandbox.events.length > sandbox.answered) {
        sandbox.answered = sandbox.events.length;
        sandbox.answerAndNext("1");
      }
    }
    await settle();
  };
  const run = async (ms: number): Promise<void> => {
    for (let i = 0; i < ms / 10; i++) await step();
  };
  const of = (name: string): number => served.get(name) ?? 0;
  return { ...p, invoke, run, of, refused };
}

describe("on a full machine", () => {
  test("one invocation of another function does not wait behind a thousand", async () => {
    const { invoke, run, of } = machine(4);
    invoke("many", 900);
    await run(500);
    assert.ok(of("many") > 50, "the machine is busy");
    invoke("single");
    await run(300);
    assert.equal(of("single"), 1);
    assert.ok(of("many") < 900, "while many still wait");
  });

  test("more functions than places take turns, and all are served", async () => {
    const { invoke, run, of } = machine(1);
    for (const name of ["a", "b", "c"]) invoke(name, 250);
    await run(5_000);
    for (const name of ["a", "b", "c"]) assert.ok(of(name) > 30, `${name}: ${of(name)}`);
  });

  test("an environment that becomes idle makes room at once for whoever waits", async () => {
    const { invoke, run, of, sandboxes } = machine(1);
    invoke("first");
    await run(60);
    invoke("second");
    await run(200);
    assert.deepEqual([of("first"), of("second")], [1, 1]);
    assert.equal(sandboxes[0]?.destroyed, true);
  });

  test("who shares equally keeps what he has", async () => {
    const { invoke, run, sandboxes } = machine(2);
    invoke("a", 400);
    invoke("b", 400);
    await run(2_500);
    assert.ok(sandboxes.length <= 4, `${sandboxes.length} environments were started`);
  });

  test("waiting has an end, and who has waited too long is throttled", async () => {
    const { invoke, run, of, refused } = machine(1, { maxWaitMs: 1_000 });
    invoke("a", 500);
    await run(4_000);
    assert.ok(of("a") > 80 && of("a") < 110, `${of("a")} served`);
    assert.equal(of("a") + (refused.get("a") ?? 0), 500);
  });
});
