import assert from "node:assert/strict";
import { test } from "node:test";
import { failedItems } from "./batch-response.ts";

const IDENTIFIERS = new Set(["a", "b", "c"]);
const judge = (answer: string) => failedItems(Buffer.from(answer), IDENTIFIERS);

/** "Implementing partial batch responses": success and failure conditions, and what was recorded from the service. */
for (const answer of [
  "",
  "null",
  '""',
  "{}",
  "[]",
  '{"batchItemFailures":[]}',
  '{"batchItemFailures":null}',
  '{"else":1}',
])
  test(`${answer || "nothing"} means that every record was processed`, () => {
    assert.deepEqual(judge(answer), new Set());
  });

for (const answer of [
  "no JSON",
  '"text"',
  "5",
  '{"batchItemFailures":"a"}',
  '{"batchItemFailures":[null]}',
  '{"batchItemFailures":["a"]}',
  '{"batchItemFailures":[{"itemIdentifier":""}]}',
  '{"batchItemFailures":[{"itemIdentifier":null}]}',
  '{"batchItemFailures":[{"itemIdentifer":"a"}]}',
  '{"batchItemFailures":[{"itemIdentifier":"a"},{"itemIdentifier":"unknown"}]}',
])
  test(`${answer} makes the whole batch fail`, () => {
    assert.equal(judge(answer), "all");
  });

test("records that are named have failed, the others have not", () => {
  const answer =
    '{"batchItemFailures":[{"itemIdentifier":"c"},{"itemIdentifier":"a"},{"itemIdentifier":"a"}]}';
  assert.deepEqual(judge(answer), new Set(["c", "a"]));
});
