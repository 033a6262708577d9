import type { TestContext } from "node:test";

/**
 * Skips a test that this machine cannot run, and says how to have it run. Returns whether the test may go on, so the
 * caller returns when it may not. With LAMBENT_NO_SKIP=1 (as in `.ci/run`) a test that would skip fails instead.
 */
export function skipUnless(t: TestContext, condition: boolean, reason: string, howTo: string): boolean {
  if (condition) return true;
  const message = `${reason}; to run it: ${howTo}`;
  if (process.env.LAMBENT_NO_SKIP === "1") throw new Error(`skipping is forbidden, and ${message}`);
  t.skip(message);
  return false;
}
