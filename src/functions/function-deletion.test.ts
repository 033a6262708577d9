import assert from "node:assert/strict";
import { beforeEach, describe, test } from "node:test";
import {
  codeUpdate,
  creation,
  type FunctionFixture,
  functionActions,
  OWNER,
  openFunctions,
  publication,
} from "../../test/support/function-fixture.ts";

const ARN = "arn:aws:lambda:eu-west-1:123456789012:function:f";

let fixture: FunctionFixture;
beforeEach(async () => {
  fixture = await openFunctions();
});

const { describeIt, create, updateMemory } = functionActions(() => fixture);

describe("a deletion", () => {
  test("takes versions and aliases along, and a new function starts afresh", async () => {
    await create();
    await fixture.functions.lifecycle.publishVersion(OWNER, publication("f"));
    await fixture.functions.aliases.create(OWNER, "f", "live", { functionVersion: "1" });
    await fixture.functions.lifecycle.delete(OWNER, "f", undefined);
    assert.deepEqual([...fixture.keyValue.entries.keys()], []);
    assert.throws(() => describeIt(), { message: `Function not found: ${ARN}` });
    await assert.rejects(fixture.functions.lifecycle.delete(OWNER, "f", undefined), { status: 404 });
    await create();
    assert.equal((await fixture.functions.lifecycle.publishVersion(OWNER, publication("f"))).version, "1");
  });

  test("interrupted by a crash leaves nothing that a later function of the name could see", async () => {
    await create();
    await fixture.functions.lifecycle.publishVersion(OWNER, publication("f"));
    await fixture.functions.aliases.create(OWNER, "f", "live", { functionVersion: "1" });
    await fixture.keyValue.delete("function/123456789012/eu-west-1/f");
    await create();
    assert.throws(() => describeIt("1"), { status: 404 });
    assert.throws(() => fixture.functions.aliases.get(OWNER, "f", "live"), { status: 404 });
    await fixture.functions.lifecycle.publishVersion(OWNER, publication("f"));
    await fixture.functions.aliases.create(OWNER, "f", "live", { functionVersion: "1" });
    assert.equal(describeIt("live").version, "1");
    await fixture.keyValue.delete("function/123456789012/eu-west-1/f");
    await fixture.restart();
    assert.deepEqual([...fixture.keyValue.entries.keys()], []);
  });

  test("of one version is refused while an alias refers to it", async () => {
    await create();
    await fixture.functions.lifecycle.publishVersion(OWNER, publication("f"));
    await fixture.functions.aliases.create(OWNER, "f", "live", { functionVersion: "1" });
    await assert.rejects(fixture.functions.lifecycle.delete(OWNER, "f", "1"), {
      name: "ResourceConflictException",
      message: "Unable to delete version because the following aliases reference it: [live]",
    });
    await fixture.functions.aliases.delete(OWNER, "f", "live");
    await fixture.functions.lifecycle.delete(OWNER, "f:1", undefined);
    assert.throws(() => describeIt("1"), { message: `Function not found: ${ARN}:1` });
    await fixture.functions.lifecycle.delete(OWNER, "f", "1");
    await assert.rejects(fixture.functions.lifecycle.delete(OWNER, "f", "$LATEST"), {
      message: "$LATEST version cannot be deleted without deleting the function.",
    });
  });
});

describe("what is replaced", () => {
  test("is told as retired: by updates, deletions of versions and of functions", async () => {
    const retired = new Set<string>();
    fixture.functions.onDeploymentRetired(({ deploymentId }) => retired.add(deploymentId));
    await create();
    const first = fixture.functions.resolveForInvoke("f", undefined, OWNER).version.deploymentId;
    await fixture.functions.lifecycle.publishVersion(OWNER, publication("f"));
    const version = fixture.functions.resolveForInvoke("f", "1", OWNER).version.deploymentId;
    await updateMemory(256);
    await fixture.functions.idle();
    assert.deepEqual([...retired], [first]);
    const second = fixture.functions.resolveForInvoke("f", undefined, OWNER).version.deploymentId;
    await fixture.functions.lifecycle.delete(OWNER, "f", undefined);
    assert.deepEqual(retired, new Set([first, version, second]));
  });

  test("has its package removed after a grace time, unless something still refers to it", async () => {
    await create();
    await fixture.functions.lifecycle.create(OWNER, creation("other", {}, "other"));
    await fixture.functions.lifecycle.publishVersion(OWNER, publication("f"));
    await fixture.functions.lifecycle.updateCode(OWNER, codeUpdate("f", "second"));
    await fixture.functions.idle();
    fixture.clock.advance(60 * 60 * 1000);
    assert.equal(fixture.codeStore.packages.size, 3, "version 1 still needs the first package");
    await fixture.functions.lifecycle.delete(OWNER, "f", undefined);
    fixture.clock.advance(19 * 60 * 1000);
    assert.equal(fixture.codeStore.packages.size, 3);
    fixture.clock.advance(2 * 60 * 1000);
    assert.deepEqual([...fixture.codeStore.packages.values()].map(String), ["other"]);
  });

  test("leaves no package behind that a crash orphaned", async () => {
    await create();
    await fixture.codeStore.add(Buffer.from("orphan"));
    await fixture.restart();
    assert.deepEqual([...fixture.codeStore.packages.values()].map(String), ["zip"]);
  });
});
