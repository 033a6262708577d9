import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { skipUnless } from "./skip.ts";

function recorded(): { skipped: string[]; context: TestContext } {
  const skipped: string[] = [];
  const context = { skip: (message: string) => skipped.push(message) } as unknown as TestContext;
  return { skipped, context };
}

function withNoSkip(value: string | undefined, action: () => void): void {
  const before = process.env.LAMBENT_NO_SKIP;
  if (value === undefined) delete process.env.LAMBENT_NO_SKIP;
  else process.env.LAMBENT_NO_SKIP = value;
  try {
    action();
  } finally {
    if (before === undefined) delete process.env.LAMBENT_NO_SKIP;
    else process.env.LAMBENT_NO_SKIP = before;
  }
}

test("lets a test go on, or skips it with the reason and what to do", () => {
  const { skipped, context } = recorded();
  withNoSkip(undefined, () => {
    assert.equal(skipUnless(context, true, "never", "never"), true);
    assert.equal(skipUnless(context, false, "no bubblewrap here", "apt-get install bubblewrap"), false);
  });
  assert.deepEqual(skipped, ["no bubblewrap here; to run it: apt-get install bubblewrap"]);
});

test("fails instead of skipping where skipping is forbidden", () => {
  const { skipped, context } = recorded();
  withNoSkip("1", () =>
    assert.throws(
      () => skipUnless(context, false, "no bubblewrap here", "install it"),
      /skipping is forbidden/,
    ),
  );
  assert.deepEqual(skipped, []);
});
