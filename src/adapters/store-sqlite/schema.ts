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
  `
  -- Streams that are found by group and name have both, and what is known of them without reading their chunks. It was in
  -- documents of the key-value store, which were written seconds late.
  create table log_group (
    id integer primary key autoincrement,
    name text not null unique,
    streams integer not null default 0,
    stored_bytes integer not null default 0
  );
  alter table log_stream add column log_group integer;
  alter table log_stream add column title text;
  alter table log_stream add column created_at_ms integer;
  alter table log_stream add column first_event_ms integer;
  alter table log_stream add column last_event_ms integer;
  alter table log_stream add column last_ingestion_ms integer;
  alter table log_stream add column stored_bytes integer not null default 0;
  alter table log_stream add column disorder_ms integer not null default 1024;

  create temp table document as select cast(value as text) as json from entry
    where key >= 'logs/streams/' and key < 'logs/streams0';
  insert into log_group (name) select distinct json_extract(json, '$.groupId') from document;
  insert into log_stream (name, log_group, title, created_at_ms, first_event_ms, last_event_ms, last_ingestion_ms,
      stored_bytes, disorder_ms)
    select json_extract(json, '$.groupId') || '/' || json_extract(json, '$.streamId'), log_group.id,
      json_extract(json, '$.logStreamName'), cast(json_extract(json, '$.createdAtMs') as integer),
      cast(json_extract(json, '$.firstEventMs') as integer), cast(json_extract(json, '$.lastEventMs') as integer),
      cast(json_extract(json, '$.lastIngestionMs') as integer),
      cast(json_extract(json, '$.storedBytes') as integer), cast(json_extract(json, '$.disorderMs') as integer)
    from document join log_group on log_group.name = json_extract(json, '$.groupId')
    where true
    on conflict (name) do update set log_group = excluded.log_group, title = excluded.title,
      created_at_ms = excluded.created_at_ms, first_event_ms = excluded.first_event_ms,
      last_event_ms = excluded.last_event_ms, last_ingestion_ms = excluded.last_ingestion_ms,
      stored_bytes = excluded.stored_bytes, disorder_ms = excluded.disorder_ms;
  delete from entry where key >= 'logs/streams/' and key < 'logs/streams0';
  drop table temp.document;
  update log_stream set first_event_ms = coalesce(first_event_ms, oldest.first_timestamp_ms),
      last_event_ms = max(coalesce(last_event_ms, newest.last_timestamp_ms), newest.last_timestamp_ms),
      last_ingestion_ms = newest.ingested_at_ms
    from log_chunk as newest, log_chunk as oldest
    where log_group is not null
      and newest.first_position = (select max(first_position) from log_chunk where stream = log_stream.id)
      and oldest.first_position = (select min(first_position) from log_chunk where stream = log_stream.id)
      and newest.ingested_at_ms > coalesce(last_ingestion_ms, 0);
  update log_group set (streams, stored_bytes) =
    (select count(*), coalesce(sum(stored_bytes), 0) from log_stream where log_group = log_group_id.id)
    from log_group as log_group_id where log_group_id.id = log_group.id;

  create unique index log_stream_title on log_stream (log_group, title);
  create index log_stream_last_event on log_stream (log_group, coalesce(last_event_ms, 0));
  create index log_stream_first_event
    on log_stream (log_group, coalesce(first_event_ms, created_at_ms) - disorder_ms);
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
