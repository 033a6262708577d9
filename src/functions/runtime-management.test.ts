import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";
import {
  creation,
  type FunctionFixture,
  OWNER,
  openFunctions,
  publication,
} from "../../test/support/function-fixture.ts";

let fixture: FunctionFixture;
beforeEach(async () => {
  fixture = await openFunctions();
  await fixture.functions.lifecycle.create(OWNER, creation("f"));
  await fixture.functions.idle();
});

const put = (qualifier: string | undefined, updateRuntimeOn: "Auto" | "FunctionUpdate") =>
  fixture.functions.runtimeManagement.put(OWNER, {
    functionReference: "f",
    qualifier,
    updateRuntimeOn,
    runtimeVersionArn: undefined,
  });

const pinOf = (qualifier?: string, functions = fixture.functions) =>
  functions.resolveForInvoke("f", qualifier, OWNER).version.runtimePin;

test("a function set to FunctionUpdate stays with the version that it runs on, after a restart too", async () => {
  assert.equal(pinOf(), undefined);
  const told: string[] = [];
  fixture.functions.runtimeManagement.onChanged(({ version, runtimePin }) =>
    told.push(`${version} ${runtimePin !== undefined}`),
  );
  assert.equal((await put(undefined, "FunctionUpdate")).updateRuntimeOn, "FunctionUpdate");
  assert.equal(pinOf()?.required, false);
  assert.equal(pinOf("$LATEST")?.required, false);
  assert.deepEqual(pinOf(undefined, await fixture.restart())?.required, false);
  assert.deepEqual(told, ["$LATEST true"]);
});

test("a version is published with the setting of $LATEST, and has its own from then on", async () => {
  await put("$LATEST", "FunctionUpdate");
  await fixture.functions.lifecycle.publishVersion(OWNER, publication("f"));
  assert.deepEqual(pinOf("1"), pinOf());
  await put(undefined, "Auto");
  assert.equal(pinOf(), undefined);
  assert.equal(pinOf("1")?.required, false);
  await put("1", "Auto");
  assert.equal(pinOf("1"), undefined);
  const { functionArn, updateRuntimeOn } = fixture.functions.runtimeManagement.get(OWNER, "f", "1");
  assert.equal(functionArn, `arn:aws:lambda:${OWNER.region}:${OWNER.account}:function:f:1`);
  assert.equal(updateRuntimeOn, "Auto");
});
