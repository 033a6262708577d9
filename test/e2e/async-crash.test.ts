import assert from "node:assert/strict";
import { test } from "node:test";
import { crashLoop } from "../support/crash-loop.ts";

test("kill -9 under load, three times: every acknowledged event is executed", async (t) => {
  const result = await crashLoop({ kills: 3, loadMs: 1_000, senders: 8, pauseMs: 2 });
  t.diagnostic(JSON.stringify(result));
  assert.ok(result.acknowledged > 100, `${result.acknowledged} events are no load`);
  assert.equal(result.lost, 0);
});
