import type { DatabaseSync } from "node:sqlite";
import { OperatorError } from "../../core/operator-error.ts";

/**
 * The schema, as numbered steps that only ever go forward. A step that has been released is never changed; the
 * next one is added below it. `PRAGMA user_version` says how many have been applied.
 */
const MIGRATIONS: readonly string[] = [
  `
  -- Numbers that grow for ever: 'revision' of keys, 'epoch' of leases, 'position' of log entries, and 'probe'.
  create table counter (name text primary key, value integer not null) without rowid;
  insert into counter values ('revision', 0), ('epoch', 0), ('position', 0), ('probe', 0);

  create table entry (key text primary key, value blob not null, revision integer not null);

  -- The bodies are apart, so that claiming, extending and delaying a job does not write its body again.
  -- 'token' is the claim of the receiver that has the job.
  create table job (
    id integer primary key autoincrement,
    queue text not null,
    due_ms integer not null,
    enqueued_at_ms integer not null,
    deliveries integer not null default 0,
    token integer
  );
  create index job_due on job (queue, due_ms);
  create table job_body (id integer primary key, body blob not null);
  create table job_deduplication (
    queue text not null,
    deduplication_id text not null,
    enqueued_at_ms integer not null,
    primary key (queue, deduplication_id)
  ) without rowid;
  create index job_deduplication_age on job_deduplication (enqueued_at_ms);

  -- Positions are unique over all streams and grow, so chunks are always added at the end of the table,
  -- and the index has the chunks of a stream in order. The data is last: looking for times does not read it.
  create table log_stream (id integer primary key autoincrement, name text not null unique);
  create table log_chunk (
    first_position integer primary key,
    stream integer not null,
    count integer not null,
    first_timestamp_ms integer not null,
    last_timestamp_ms integer not null,
    ingested_at_ms integer not null,
    deflated integer not null,
    data blob not null
  );
  create index log_chunk_stream on log_chunk (stream);
  `,
];

/** The newest schema that this program knows. */
export const SCHEMA_VERSION = MIGRATIONS.length;

/** Brings the schema up to date. Throws `OperatorError` when a newer program has written the database. */
export function migrate(db: DatabaseSync, file: string): void {
  const version = Number(db.prepare("pragma user_version").get()?.user_version ?? 0);
  if (version > SCHEMA_VERSION) {
    throw new OperatorError(
      `${file} has schema version ${version}, and this version of Lambent knows versions up to ${SCHEMA_VERSION}.`,
      "Start the newer Lambent that wrote it, or choose another data directory with --data-dir.",
    );
  }
  for (const [index, step] of MIGRATIONS.slice(version).entries()) {
    db.exec("begin immediate");
    try {
      db.exec(step);
      db.exec(`pragma user_version = ${version + index + 1}`);
      db.exec("commit");
    } catch (error) {
      if (db.isTransaction) {
        db.exec("rollback");
      }
      throw error;
    }
  }
}
