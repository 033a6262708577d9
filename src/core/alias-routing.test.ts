import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { choosesAdditionalVersion, parseAliasRouting } from "./alias-routing.ts";

test("a weight of 0 never and a weight of 1 always chooses the additional version", () => {
  fc.assert(
    fc.property(fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }), (random) => {
      assert.equal(choosesAdditionalVersion({ version: "2", weight: 0 }, random), false);
      assert.equal(choosesAdditionalVersion({ version: "2", weight: 1 }, random), true);
    }),
  );
});

test("the share of the additional version is its weight", () => {
  const routing = { version: "2", weight: 0.3 };
  const chosen = Array.from({ length: 1000 }, (_, index) => choosesAdditionalVersion(routing, index / 1000));
  assert.equal(chosen.filter(Boolean).length, 300);
});

test("an empty map is no routing", () => {
  assert.equal(parseAliasRouting("$LATEST", {}), undefined);
  assert.equal(parseAliasRouting("1", undefined), undefined);
});

test("weights outside 0 to 1 and versions that are no numbers are refused as AWS words it", () => {
  assert.throws(() => parseAliasRouting("1", { "2": 1.5 }), {
    name: "ValidationException",
    message:
      /^1 validation error detected: Value '\{2=1\.5\}' at 'routingConfig\.additionalVersionWeights' failed/,
  });
  assert.throws(() => parseAliasRouting("1", { "2": Number.NaN }), { name: "ValidationException" });
  assert.throws(() => parseAliasRouting("1", { $LATEST: 0.5 }), /Map keys must satisfy constraint/);
});
