import assert from "node:assert/strict";
import { DatabaseSync } from "node:sqlite";
import { test } from "node:test";
import { Counters } from "./counters.ts";
import { GroupCommit } from "./group-commit.ts";
import { keyValueWrites } from "./key-value-writes.ts";
import { logWrites } from "./log-writes.ts";
import { queueWrites } from "./queue-writes.ts";
import { migrate } from "./schema.ts";
import type { OperationHandlers, OperationRequest } from "./write-operations.ts";

function openGroupCommit(
  override: (db: DatabaseSync, handlers: OperationHandlers) => Partial<OperationHandlers>,
) {
  const db = new DatabaseSync(":memory:");
  migrate(db, ":memory:");
  const counters = new Counters(db);
  const handlers = { ...keyValueWrites(db, counters), ...queueWrites(db), ...logWrites(db, counters) };
  const groupCommit = new GroupCommit(db, { ...handlers, ...override(db, handlers) }, counters);
  const keys = () =>
    db
      .prepare("select key from entry order by key")
      .all()
      .map((row) => row.key);
  return { db, groupCommit, keys };
}

const put = (id: number, key: string): OperationRequest => ({
  id,
  name: "putKey",
  input: { key, value: new Uint8Array(1), expected: "any" },
});

test("an operation that fails after it has written is undone alone", () => {
  const { groupCommit, keys } = openGroupCommit((_db, handlers) => ({
    putKey: (input) => {
      const revision = handlers.putKey(input);
      if (input.key === "half") {
        throw new RangeError("failed in the middle");
      }
      return revision;
    },
  }));
  const { answers, failed } = groupCommit.run([put(1, "before"), put(2, "half"), put(3, "after")]);
  assert.deepEqual(answers, [
    { id: 1, output: 1 },
    { id: 2, failure: "Unavailable", message: "failed in the middle" },
    { id: 3, output: 3 },
  ]);
  assert.equal(failed, true);
  assert.deepEqual(keys(), ["after", "before"]);
});

test("when the transaction ends under an operation, nobody's write is there and everybody hears it", () => {
  const { groupCommit, keys } = openGroupCommit((db) => ({
    // What SQLite does by itself when the disk fails.
    nextEpoch: () => {
      db.exec("rollback");
      throw new Error("disk I/O error");
    },
  }));
  const { answers, failed } = groupCommit.run([
    put(1, "before"),
    { id: 2, name: "nextEpoch", input: {} },
    put(3, "after"),
  ]);
  assert.deepEqual(
    answers.map((answer) => [answer.id, "failure" in answer && answer.failure]),
    [
      [1, "Unavailable"],
      [2, "Unavailable"],
      [3, "Unavailable"],
    ],
  );
  assert.equal(failed, true);
  assert.deepEqual(keys(), []);
  assert.equal(groupCommit.run([put(4, "later")]).failed, false);
  assert.deepEqual(keys(), ["later"]);
});

test("a conflict is an answer like any other, not a failure of the store", () => {
  const { groupCommit } = openGroupCommit(() => ({}));
  const create: OperationRequest = {
    id: 2,
    name: "putKey",
    input: { key: "a", value: new Uint8Array(1), expected: "absent" },
  };
  const { answers, failed } = groupCommit.run([put(1, "a"), create]);
  assert.deepEqual(answers[1], { id: 2, failure: "Conflict", message: "a exists" });
  assert.equal(failed, false);
});
