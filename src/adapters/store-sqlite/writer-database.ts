import { DatabaseSync } from "node:sqlite";
import { OperatorError } from "../../core/operator-error.ts";
import { Counters } from "./counters.ts";
import { messageOf } from "./failures.ts";
import { GroupCommit } from "./group-commit.ts";
import { keyValueWrites } from "./key-value-writes.ts";
import { logWrites } from "./log-writes.ts";
import { queueWrites, releaseOrphanedJobs } from "./queue-writes.ts";
import { migrate } from "./schema.ts";

const PRAGMAS = `
  -- Takes effect in a new file only; without it, dropped logs would never shrink the file.
  pragma auto_vacuum = incremental;
  pragma journal_mode = wal;
  -- An answered write is on the disk: one fsync for each commit.
  pragma synchronous = full;
  -- On macOS an fsync leaves the data in the drive's cache; no effect elsewhere.
  pragma fullfsync = on;
  pragma wal_autocheckpoint = 2000;
  pragma journal_size_limit = 67108864;
`;

/** The write connection and what runs on it. Throws `OperatorError` when the file cannot be used. */
export function openWriterDatabase(file: string): { db: DatabaseSync; groupCommit: GroupCommit } {
  let db: DatabaseSync | undefined;
  try {
    db = new DatabaseSync(file, { timeout: 5_000 });
    db.exec(PRAGMAS);
    migrate(db, file);
    releaseOrphanedJobs(db);
    const counters = new Counters(db);
    const handlers = { ...keyValueWrites(db, counters), ...queueWrites(db), ...logWrites(db, counters) };
    return { db, groupCommit: new GroupCommit(db, handlers, counters) };
  } catch (error) {
    db?.close();
    throw error instanceof OperatorError
      ? error
      : new OperatorError(
          `The database ${file} cannot be opened: ${messageOf(error)}.`,
          "Check the disk's free space and the file's owner; if the file is damaged, restore the data directory from a backup.",
        );
  }
}
