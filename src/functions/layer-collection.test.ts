import assert from "node:assert/strict";
import { test } from "node:test";
import { creation, OWNER, openFunctions } from "../../test/support/function-fixture.ts";

const MINUTE_MS = 60_000;

test("a layer's package that is deleted for good while a function is given the layer stays", async () => {
  const { functions, codeStore, keyValue, clock } = await openFunctions();
  const zip = Buffer.from("layer");
  const publication = {
    reference: "l",
    zip,
    description: undefined,
    licenseInfo: undefined,
    compatibleRuntimes: [],
    compatibleArchitectures: [],
  };
  // Two versions with one package: the deletion of the first one has it looked after.
  const { code } = await functions.layers.publish(OWNER, publication);
  await functions.layers.publish(OWNER, publication);
  await functions.lifecycle.create(OWNER, creation("f"));
  await functions.idle();
  await functions.layers.remove(OWNER, "l", 1);
  clock.advance(19 * MINUTE_MS);
  keyValue.beforeNextUpdate("function/", async () => {
    await functions.layers.remove(OWNER, "l", 2);
    clock.advance(2 * MINUTE_MS);
  });
  const layer = `arn:aws:lambda:${OWNER.region}:${OWNER.account}:layer:l:2`;
  await functions.lifecycle.updateConfiguration(OWNER, {
    functionReference: "f",
    settings: { layers: [layer] },
    revisionId: undefined,
  });
  await functions.idle();
  clock.advance(60 * MINUTE_MS);
  assert.ok(codeStore.packages.has(code.codeHash));
  await functions.lifecycle.delete(OWNER, "f", undefined);
  clock.advance(60 * MINUTE_MS);
  assert.ok(!codeStore.packages.has(code.codeHash));
  await functions.close();
});
