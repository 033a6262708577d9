import assert from "node:assert/strict";
import { beforeEach, describe, test } from "node:test";
import {
  creation,
  type FunctionFixture,
  OWNER,
  openFunctions,
  publication,
} from "../../test/support/function-fixture.ts";

const ARN = "arn:aws:lambda:eu-west-1:123456789012:function:f";

let fixture: FunctionFixture;
beforeEach(async () => {
  fixture = await openFunctions();
  await fixture.functions.lifecycle.create(OWNER, creation("f"));
  await fixture.functions.idle();
  await fixture.functions.lifecycle.publishVersion(OWNER, publication("f"));
});

async function publishAgain(): Promise<void> {
  await fixture.functions.lifecycle.updateConfiguration(OWNER, {
    functionReference: "f",
    settings: { timeoutSeconds: 7 },
    revisionId: undefined,
  });
  await fixture.functions.idle();
  await fixture.functions.lifecycle.publishVersion(OWNER, publication("f"));
}

describe("resolution for an invocation", () => {
  const resolve = (reference: string, qualifier?: string) =>
    fixture.functions.resolveForInvoke(reference, qualifier, OWNER);

  test("takes names, partial and full ARNs, with the qualifier in either place", async () => {
    await fixture.functions.aliases.create(OWNER, "f", "live", { functionVersion: "1" });
    const cases: [string, string | undefined, string, string][] = [
      ["f", undefined, ARN, "$LATEST"],
      ["f", "$LATEST", `${ARN}:$LATEST`, "$LATEST"],
      ["f:$LATEST", undefined, `${ARN}:$LATEST`, "$LATEST"],
      ["f", "1", `${ARN}:1`, "1"],
      ["f:1", "1", `${ARN}:1`, "1"],
      ["123456789012:function:f:live", undefined, `${ARN}:live`, "1"],
      ["function:f", "live", `${ARN}:live`, "1"],
      [ARN, undefined, ARN, "$LATEST"],
      [`${ARN}:1`, undefined, `${ARN}:1`, "1"],
    ];
    for (const [reference, qualifier, invokedFunctionArn, executedVersion] of cases) {
      const target = resolve(reference, qualifier);
      assert.deepEqual(
        [target.invokedFunctionArn, target.executedVersion, target.version.version],
        [invokedFunctionArn, executedVersion, executedVersion],
      );
    }
  });

  test("refuses what is not there or not here with AWS's words", () => {
    const refusal = (message: string, status = 404) => ({ message, status });
    assert.throws(() => resolve("absent"), refusal(`Function not found: ${ARN.slice(0, -1)}absent:$LATEST`));
    assert.throws(() => resolve("f", "9"), refusal(`Function not found: ${ARN}:9`));
    assert.throws(() => resolve("f:nope"), refusal(`Function not found: ${ARN}:nope`));
    assert.throws(
      () => resolve(ARN.replace("eu-west-1", "us-east-1")),
      refusal("Functions from 'us-east-1' are not reachable in this region ('eu-west-1')"),
    );
    assert.throws(() => resolve(ARN.replace("123456789012", "999999999999")), {
      name: "AccessDeniedException",
      status: 403,
    });
    assert.throws(
      () => resolve("f:1", "2"),
      refusal("The derived qualifier from the function name does not match the specified qualifier.", 400),
    );
    assert.throws(() => resolve("a".repeat(65)), {
      name: "InvalidParameterValueException",
      message:
        /at 'functionName' failed to satisfy constraint: Member must have length less than or equal to 64$/,
    });
    assert.throws(() => resolve("no spaces"), { name: "ValidationException" });
  });

  test("belongs to an account and region", () => {
    const elsewhere = { account: "123456789012", region: "us-east-1" };
    assert.throws(() => fixture.functions.resolveForInvoke("f", undefined, elsewhere), { status: 404 });
  });

  test("answers the same object for the same target, so that a warm invocation makes none", () => {
    assert.equal(resolve("f"), resolve("f"));
    assert.equal(resolve("f", "1"), resolve("f:1"));
  });

  test("chooses between the versions of an alias by weight", async () => {
    await publishAgain();
    await fixture.functions.aliases.create(OWNER, "f", "live", {
      functionVersion: "1",
      additionalVersionWeights: { "2": 0.25 },
    });
    fixture.chances.push(0.1, 0.2499, 0.25, 0.9);
    const executed = Array.from({ length: 4 }, () => resolve("f:live").executedVersion);
    assert.deepEqual(executed, ["2", "2", "1", "1"]);
  });
});

describe("aliases", () => {
  const create = (settings: { functionVersion: string; additionalVersionWeights?: Record<string, number> }) =>
    fixture.functions.aliases.create(OWNER, "f", "live", settings);

  test("refuse what AWS refuses", async () => {
    await publishAgain();
    const refusal = (message: string) => ({ message });
    await assert.rejects(create({ functionVersion: "9" }), refusal(`Function not found: ${ARN}:9`));
    await assert.rejects(
      create({ functionVersion: "1", additionalVersionWeights: { "9": 0.1 } }),
      refusal(`Function not found: ${ARN}:9`),
    );
    await assert.rejects(
      create({ functionVersion: "1", additionalVersionWeights: { "2": 0.1, "3": 0.1 } }),
      refusal("Number of items in AdditionalVersionWeights cannot be greater than 1"),
    );
    await assert.rejects(
      create({ functionVersion: "1", additionalVersionWeights: { "1": 0.1 } }),
      refusal("Invalid function version 1. Function version 1 is already included in routing configuration."),
    );
    await assert.rejects(
      create({ functionVersion: "$LATEST", additionalVersionWeights: { "1": 0.1 } }),
      refusal("$LATEST is not supported for an alias pointing to more than 1 version"),
    );
    await create({ functionVersion: "1" });
    await assert.rejects(create({ functionVersion: "1" }), {
      status: 409,
      message: `Alias already exists: ${ARN}:live`,
    });
    assert.throws(
      () => fixture.functions.aliases.get(OWNER, "f", "x"),
      refusal(`Cannot find alias arn: ${ARN}:x`),
    );
    await assert.rejects(
      fixture.functions.aliases.update(OWNER, "f", "x", {}),
      refusal(`Alias not found: ${ARN}:x`),
    );
    await fixture.functions.aliases.delete(OWNER, "f", "x");
  });

  test("change what is given, with a new revision id, and clear routing when asked", async () => {
    await publishAgain();
    const created = await create({ functionVersion: "1", additionalVersionWeights: { "2": 0.5 } });
    const described = await fixture.functions.aliases.update(OWNER, "f", "live", {
      description: "d",
      revisionId: created.revisionId,
    });
    assert.deepEqual([described.routing, described.functionVersion], [{ version: "2", weight: 0.5 }, "1"]);
    assert.notEqual(described.revisionId, created.revisionId);
    await assert.rejects(
      fixture.functions.aliases.update(OWNER, "f", "live", { revisionId: created.revisionId }),
      { status: 412 },
    );
    const cleared = await fixture.functions.aliases.update(OWNER, "f", "live", {
      functionVersion: "2",
      additionalVersionWeights: {},
    });
    assert.deepEqual([cleared.routing, cleared.functionVersion], [undefined, "2"]);
    assert.equal(fixture.functions.directory.describe(OWNER, "f", "live").description.version, "2");
  });
});

describe("lists", () => {
  test("give functions by name, 50 to a page, with all versions when asked", async () => {
    for (let index = 0; index < 60; index++) {
      await fixture.functions.lifecycle.create(OWNER, creation(`g${String(index).padStart(2, "0")}`));
    }
    const { directory } = fixture.functions;
    const all = { allVersions: false, maxItems: 10_000 };
    const first = directory.list(OWNER, { ...all, marker: undefined });
    assert.equal(first.items.length, 50);
    const second = directory.list(OWNER, { ...all, marker: first.nextMarker });
    assert.equal(second.nextMarker, undefined);
    const names = [...first.items, ...second.items].map(({ functionName }) => functionName);
    assert.equal(names.length, 61);
    assert.deepEqual(names, names.toSorted());
    const seen: string[] = [];
    let marker: string | undefined;
    do {
      const page = directory.list(OWNER, { allVersions: true, maxItems: 1, marker });
      seen.push(...page.items.map(({ functionArn }) => functionArn));
      marker = page.nextMarker;
    } while (marker !== undefined);
    assert.deepEqual(seen.slice(0, 2), [`${ARN}:$LATEST`, `${ARN}:1`]);
    assert.equal(seen.length, 62);
    assert.throws(() => directory.list(OWNER, { ...all, marker: "junk" }), { status: 400 });
  });

  test("give versions in order of their numbers and count code once per version", async () => {
    for (let index = 0; index < 11; index++) {
      await fixture.functions.lifecycle.updateConfiguration(OWNER, {
        functionReference: "f",
        settings: { timeoutSeconds: 10 + index },
        revisionId: undefined,
      });
      await fixture.functions.idle();
      await fixture.functions.lifecycle.publishVersion(OWNER, publication("f"));
    }
    const page = { marker: undefined, maxItems: undefined };
    const { items } = fixture.functions.directory.listVersions(OWNER, "f", page);
    assert.deepEqual(
      items.map(({ version }) => version),
      ["$LATEST", ...Array.from({ length: 12 }, (_, index) => String(index + 1))],
    );
    assert.deepEqual(fixture.functions.directory.usage(OWNER), {
      functionCount: 1,
      codeStorageBytes: 13 * 3,
    });
  });
});

test("tags are added, overwritten and removed, on functions only", async () => {
  const { tags } = fixture.functions;
  await tags.add(OWNER, ARN, { a: "1", b: "2" });
  await tags.add(OWNER, ARN, { b: "3" });
  await tags.remove(OWNER, ARN, ["a", "absent"]);
  assert.deepEqual(tags.list(OWNER, ARN), { b: "3" });
  assert.throws(() => tags.list(OWNER, `${ARN}:1`), {
    message: "Tags on function aliases and versions are not supported. Please specify a function ARN.",
  });
  const many = Object.fromEntries(Array.from({ length: 50 }, (_, index) => [`k${index}`, "v"]));
  await assert.rejects(tags.add(OWNER, ARN, many), { message: "Number of tags exceeds resource tag limit." });
});
