import type { DatabaseSync } from "node:sqlite";
import { Conflict } from "../../ports/store.ts";
import type { Counters } from "./counters.ts";
import type { Expectation, OperationHandlers } from "./write-operations.ts";

/** Writes of the key-value store and of leases, on the writer thread. */
export function keyValueWrites(
  db: DatabaseSync,
  counters: Counters,
): OperationHandlers<"putKey" | "deleteKey" | "noteKeys" | "nextEpoch" | "probe"> {
  const current = db.prepare("select revision from entry where key = ?");
  const put = db.prepare(
    "insert into entry (key, value, revision) values (?, ?, ?) " +
      "on conflict (key) do update set value = excluded.value, revision = excluded.revision",
  );
  const remove = db.prepare("delete from entry where key = ?");
  const probe = db.prepare("update counter set value = ? where name = 'probe'");

  const revisionOf = (key: string): number | undefined => {
    const row = current.get(key);
    return row === undefined ? undefined : Number(row.revision);
  };
  return {
    putKey: ({ key, value, expected }) => {
      if (expected !== "any") {
        check(key, expected, revisionOf(key));
      }
      const revision = counters.draw("revision");
      put.run(key, value, revision);
      return revision;
    },
    deleteKey: ({ key, expected }) => {
      const existing = revisionOf(key);
      if (existing === undefined) {
        return undefined;
      }
      if (expected !== "any") {
        check(key, expected, existing);
      }
      remove.run(key);
      return counters.draw("revision");
    },
    noteKeys: ({ changes }) =>
      changes.map(({ key, value }) => {
        if (value === undefined && remove.run(key).changes === 0) return undefined;
        const revision = counters.draw("revision");
        if (value !== undefined) put.run(key, value, revision);
        return revision;
      }),
    nextEpoch: () => counters.draw("epoch"),
    probe: ({ nowMs }) => {
      probe.run(Math.trunc(nowMs));
      return undefined;
    },
  };
}

function check(key: string, expected: Exclude<Expectation, "any">, existing: number | undefined): void {
  if (expected === "absent") {
    if (existing !== undefined) {
      throw new Conflict(`${key} exists`);
    }
  } else if (existing !== expected) {
    throw new Conflict(existing === undefined ? `${key} is gone` : `${key} was changed`);
  }
}
