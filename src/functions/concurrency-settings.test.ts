import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";
import {
  creation,
  type FunctionFixture,
  OWNER,
  openFunctions,
  publication,
} from "../../test/support/function-fixture.ts";

const KEY = `concurrency/${OWNER.account}/${OWNER.region}/f`;

let fixture: FunctionFixture;
beforeEach(async () => {
  fixture = await openFunctions();
  await fixture.functions.lifecycle.create(OWNER, creation("f"));
  await fixture.functions.idle();
  await fixture.functions.lifecycle.publishVersion(OWNER, publication("f"));
});

const provision = (requested: number) =>
  fixture.functions.concurrency.provision(OWNER, { reference: "f", qualifier: "1", requested });

test("what is set is there after a restart, and told to whoever listens", async () => {
  await fixture.functions.concurrency.reserve(OWNER, "f", 5);
  await provision(2);
  const functions = await fixture.restart();
  const told: unknown[] = [];
  functions.onConcurrencyChanged(({ reserved, provisioned }) =>
    told.push([reserved, provisioned.map(({ version, requested }) => [version.version, requested])]),
  );
  assert.deepEqual(told, [[5, [["1", 2]]]]);
  assert.deepEqual(functions.concurrency.account(OWNER), { limit: 1000, unreserved: 995 });
});

test("the document is gone when nothing is reserved or provisioned any more", async () => {
  const { concurrency } = fixture.functions;
  await concurrency.reserve(OWNER, "f", 5);
  await provision(2);
  await concurrency.release(OWNER, "f");
  assert.ok(fixture.keyValue.entries.has(KEY));
  await concurrency.unprovision(OWNER, "f", "1");
  assert.equal(fixture.keyValue.entries.has(KEY), false);
});

test("a change that loses a race is decided again on what is there then", async () => {
  const { concurrency } = fixture.functions;
  await concurrency.reserve(OWNER, "f", 5);
  fixture.keyValue.beforeNextUpdate(KEY, async () => {
    const entry = await fixture.keyValue.get(KEY);
    const document = { ...(JSON.parse(String(entry?.value)) as object), reserved: 1 };
    await fixture.keyValue.put(KEY, Buffer.from(JSON.stringify(document)));
  });
  await assert.rejects(provision(2), {
    message: /should not be greater than the reservedConcurrentExecution/,
  });
  assert.equal(concurrency.reserved(OWNER, "f"), 1);
});

test("what an interrupted deletion left counts for nothing, and is removed at the next start", async () => {
  await fixture.functions.concurrency.reserve(OWNER, "f", 5);
  await fixture.keyValue.delete(`function/${OWNER.account}/${OWNER.region}/f`);
  assert.equal(fixture.functions.concurrency.account(OWNER).unreserved, 1000);
  await fixture.functions.lifecycle.create(OWNER, creation("f"));
  assert.equal(fixture.functions.concurrency.reserved(OWNER, "f"), undefined);
  await fixture.functions.idle();
  await fixture.restart();
  assert.equal(fixture.keyValue.entries.has(KEY), false);
});

test("an account with a small limit keeps all of it unreserved", async () => {
  const small = await openFunctions(10);
  await small.functions.lifecycle.create(OWNER, creation("f"));
  await small.functions.idle();
  await assert.rejects(small.functions.concurrency.reserve(OWNER, "f", 1), {
    message: /below its minimum value of \[10\]\.$/,
  });
  await small.functions.concurrency.reserve(OWNER, "f", 0);
});
