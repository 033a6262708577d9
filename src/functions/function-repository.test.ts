import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";
import { creation, OWNER, openFunctions } from "../../test/support/function-fixture.ts";
import type { MemoryKeyValueStore } from "../../test/support/memory-store.ts";
import { decodeDocument, type FunctionDocument, type VersionDocument } from "./documents.ts";
import { FunctionRepository } from "./function-repository.ts";
import { withNextVersion } from "./publication.ts";

const NAME = { ...OWNER, functionName: "f" };
const HEAD = "function/123456789012/eu-west-1/f";

let keyValue: MemoryKeyValueStore;
let ids = 0;
beforeEach(async () => {
  const fixture = await openFunctions();
  await fixture.functions.lifecycle.create(OWNER, creation("f"));
  await fixture.functions.idle();
  keyValue = fixture.keyValue;
});

/** One writer of several: publishes with its own name as the description. */
async function publishAs(writer: string): Promise<string> {
  const change = await new FunctionRepository(keyValue).changeFunction(NAME, (document) =>
    withNextVersion(document, {
      description: writer,
      pending: false,
      nowMs: 0,
      newId: () => `${writer}${++ids}`,
    }),
  );
  return change?.version.version ?? "none";
}

async function published(): Promise<string[]> {
  const head = decodeDocument<FunctionDocument>((await keyValue.get(HEAD))?.value ?? Buffer.from("{}"));
  const versions = (await keyValue.list("function-version/")).map(({ value }) =>
    decodeDocument<VersionDocument>(value),
  );
  return versions
    .filter(({ version }) => Number(version) < head.nextVersion)
    .map(({ version, deployment }) => `${version}:${deployment.settings.description}`);
}

test("a publication overtaken after it placed its version takes the next number", async () => {
  let overtaking = "";
  keyValue.beforeNextUpdate(HEAD, async () => {
    overtaking = await publishAs("b");
  });
  assert.equal(await publishAs("a"), "2");
  assert.equal(overtaking, "1");
  assert.deepEqual(await published(), ["1:b", "2:a"]);
});

test("a valid version is never overwritten by a publication that saw its number free", async () => {
  // "a" places version 1 and stalls; "b" finds it and is itself overtaken by "c" before it overwrites.
  keyValue.beforeNextUpdate(HEAD, async () => {
    keyValue.beforeNextUpdate("function-version/", () => publishAs("c"));
    await publishAs("b");
  });
  await publishAs("a");
  const versions = await published();
  assert.deepEqual(versions.map((version) => version.slice(2)).sort(), ["a", "b", "c"]);
  assert.deepEqual(
    versions.map((version) => version.slice(0, 1)),
    ["1", "2", "3"],
  );
  assert.equal(versions[0], "1:c");
});

test("many writers at once publish once each", async () => {
  const writers = ["a", "b", "c", "d"];
  const numbers = await Promise.all(writers.map(publishAs));
  assert.deepEqual(numbers.toSorted(), ["1", "2", "3", "4"]);
  assert.deepEqual((await published()).map((version) => version.slice(2)).sort(), writers);
});
