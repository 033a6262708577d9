import type { DatabaseSync } from "node:sqlite";
import { LeaseLost } from "../../ports/store.ts";
import type { ClaimedJob, OperationHandlers } from "./write-operations.ts";

/** How long a deduplication id is remembered; the port asks for two minutes, SQS has five. */
const DEDUPLICATION_WINDOW_MS = 5 * 60_000;
const SWEEP_INTERVAL_MS = 1_000;
/** Bounds the time that one transaction spends on cleaning up. */
const SWEEP_ROWS_MAX = 5_000;

/** Writes of the durable queue, on the writer thread. */
export function queueWrites(
  db: DatabaseSync,
): OperationHandlers<"enqueueJobs" | "claimJobs" | "finishJob" | "retryJob" | "extendJob"> {
  const nextDue = nextDueReader(db);
  const remember = rememberer(db);
  const addJob = db.prepare("insert into job (queue, due_ms, enqueued_at_ms) values (?, ?, ?)");
  const addBody = db.prepare("insert into job_body (id, body) values (?, ?)");
  const remove = db.prepare("delete from job where id = ? and token = ?");
  const removeBody = db.prepare("delete from job_body where id = ?");
  const release = db.prepare("update job set due_ms = ?, token = null where id = ? and token = ?");
  const replaceBody = db.prepare("update job_body set body = ? where id = ?");
  const extend = db.prepare("update job set due_ms = ? where id = ? and token = ?");
  return {
    enqueueJobs: ({ queue, nowMs, jobs }) => {
      let added = 0;
      for (const job of jobs) {
        if (job.deduplicationId !== undefined && !remember(queue, job.deduplicationId, nowMs)) {
          continue;
        }
        const { lastInsertRowid } = addJob.run(queue, job.dueMs, nowMs);
        addBody.run(lastInsertRowid, job.body);
        added++;
      }
      return { added, nextDueMs: nextDue(queue) };
    },
    claimJobs: claimer(db, nextDue),
    finishJob: ({ id, token }) => {
      // A former holder, whose visibility time is over, changes nothing: the job is another's now.
      if (remove.run(id, token).changes === 1) {
        removeBody.run(id);
      }
      return undefined;
    },
    retryJob: ({ id, token, dueMs, body }) => {
      if (release.run(dueMs, id, token).changes === 1 && body !== undefined) {
        replaceBody.run(body, id);
      }
      return undefined;
    },
    extendJob: ({ id, token, dueMs }) => {
      if (extend.run(dueMs, id, token).changes === 0) {
        throw new LeaseLost(`job ${id} is settled, or another receiver has it`);
      }
      return undefined;
    },
  };
}

function nextDueReader(db: DatabaseSync): (queue: string) => number | undefined {
  const earliest = db.prepare("select min(due_ms) as due_ms from job where queue = ?");
  return (queue) => {
    const due = earliest.get(queue)?.due_ms;
    return typeof due === "number" ? due : undefined;
  };
}

function claimer(
  db: DatabaseSync,
  nextDue: (queue: string) => number | undefined,
): OperationHandlers<"claimJobs">["claimJobs"] {
  const due = db.prepare(
    "select job.id, enqueued_at_ms, deliveries, body from job join job_body using (id) " +
      "where queue = ? and due_ms <= ? order by due_ms, job.id limit ?",
  );
  const claim = db.prepare("update job set due_ms = ?, deliveries = deliveries + 1, token = ? where id = ?");
  return ({ queue, nowMs, max, token, visibleAgainAtMs }) => {
    const jobs: ClaimedJob[] = [];
    for (const row of due.all(queue, nowMs, max)) {
      const id = Number(row.id);
      claim.run(visibleAgainAtMs, token, id);
      jobs.push({
        id,
        body: row.body as Uint8Array,
        enqueuedAtMs: Number(row.enqueued_at_ms),
        deliveries: Number(row.deliveries) + 1,
      });
    }
    return { jobs, nextDueMs: nextDue(queue) };
  };
}

/** Answers whether a deduplication id is new within the window, and forgets old ones now and then. */
function rememberer(db: DatabaseSync): (queue: string, deduplicationId: string, nowMs: number) => boolean {
  const remember = db.prepare(
    "insert into job_deduplication (queue, deduplication_id, enqueued_at_ms) values (?, ?, ?) " +
      "on conflict (queue, deduplication_id) do update set enqueued_at_ms = excluded.enqueued_at_ms " +
      "where enqueued_at_ms < ?",
  );
  const forget = db.prepare(
    "delete from job_deduplication where (queue, deduplication_id) in " +
      "(select queue, deduplication_id from job_deduplication where enqueued_at_ms < ? limit ?)",
  );
  let sweptAtMs = Number.NEGATIVE_INFINITY;
  return (queue, deduplicationId, nowMs) => {
    const expiredBeforeMs = nowMs - DEDUPLICATION_WINDOW_MS;
    if (Math.abs(nowMs - sweptAtMs) >= SWEEP_INTERVAL_MS) {
      sweptAtMs = nowMs;
      forget.run(expiredBeforeMs, SWEEP_ROWS_MAX);
    }
    return remember.run(queue, deduplicationId, nowMs, expiredBeforeMs).changes === 1;
  };
}

/**
 * Gives back the jobs whose receivers ended with the process before this one: they would otherwise wait for the end
 * of their visibility time although nobody works on them.
 */
export function releaseOrphanedJobs(db: DatabaseSync): void {
  db.exec("update job set due_ms = 0, token = null where token is not null");
}
