import assert from "node:assert/strict";
import { test } from "node:test";
import { compileEventPattern } from "./event-pattern.ts";
import { patternCombinations, patternFields } from "./pattern-combinations.ts";

test("AWS's example of a filter policy on the body", () => {
  const policy = {
    key_a: { key_b: { key_c: ["1", "2", "3", "4"] } },
    key_d: { key_e: ["1", "2", "3"] },
    key_f: ["1", "2", "3"],
  };
  assert.equal(
    patternCombinations(policy, (values, depth) => values.length * depth),
    4 * 3 * (3 * 2) * 3,
  );
  assert.deepEqual([...patternFields(policy)], ["key_a.key_b.key_c", "key_d.key_e", "key_f"]);
});

test("a pattern may stand for a thousand without $or, and no more", () => {
  const ten = Array.from({ length: 10 }, (_, index) => ({ a: [index] }));
  const nested = (last: number): string =>
    JSON.stringify({ x: { $or: ten }, y: { $or: ten }, z: { $or: ten.slice(0, last) } });
  compileEventPattern(nested(10));
  const more = JSON.stringify({ ...JSON.parse(nested(10)), w: { $or: ten.slice(0, 2) } });
  assert.throws(() => compileEventPattern(more), /1000/);
});
