/**
 * Writes to a store without pause until it is killed, and says on standard output what has been acknowledged.
 * Arguments: data directory, name of the round.
 */
import { createHash, randomBytes } from "node:crypto";
import { writeSync } from "node:fs";
import { systemClock } from "../../src/adapters/clock-system/clock-system.ts";
import { openSqliteStore } from "../../src/adapters/store-sqlite/store-sqlite.ts";
import { type Job, LeaseLost } from "../../src/ports/store.ts";

const [dataDirectory, round] = process.argv.slice(2);
if (dataDirectory === undefined || round === undefined) {
  throw new Error("needs a data directory and the name of the round");
}
// Synchronous: what was acknowledged is in the pipe before anything else happens.
const say = (...words: (string | number)[]): number => writeSync(1, `${words.join(" ")}\n`);

const store = await openSqliteStore({ dataDirectory, clock: systemClock });
say("opened");

async function createKeys(): Promise<never> {
  for (let count = 0; ; count++) {
    const key = `crash/${round}/${count}`;
    await store.keyValue.create(key, Buffer.alloc(1 + (count % 40) * 500, key));
    say("created", key);
  }
}

async function countUp(): Promise<never> {
  for (;;) {
    const entry = await store.keyValue.get("count");
    const next = String(Number(entry?.value === undefined ? 0 : Buffer.from(entry.value).toString()) + 1);
    await (entry === undefined
      ? store.keyValue.create("count", Buffer.from(next))
      : store.keyValue.update("count", Buffer.from(next), entry.revision));
    say("counted", next);
  }
}

async function noteKeys(): Promise<never> {
  for (let count = 0; ; count++) {
    await store.keyValue.note([{ key: "noted", value: Buffer.from(`${round} ${count}`) }]);
    say("noted", round ?? "", count);
  }
}

async function enqueuePairs(): Promise<never> {
  for (let count = 0; ; count++) {
    const pair = `${round}/${count}`;
    await store.queue.enqueue("crash", [
      { body: Buffer.from(`${pair}/a`) },
      { body: Buffer.from(`${pair}/b`) },
    ]);
    say("enqueued", pair);
  }
}

/** Finishes the second job of every pair, sooner or later. */
async function finishJobs(): Promise<never> {
  for (;;) {
    for (const job of await store.queue.receive("crash", 5, 1_000)) {
      const body = Buffer.from(job.body).toString();
      if (!body.endsWith("/b")) continue;
      say("finishing", body);
      if (await isDone(job)) say("finished", body);
    }
  }
}

/** False when its lease ran out, as it may on a busy machine: it comes again then. */
async function isDone(job: Job): Promise<boolean> {
  try {
    await job.done();
    return true;
  } catch (error) {
    if (error instanceof LeaseLost) return false;
    throw error;
  }
}

async function appendLogs(): Promise<never> {
  for (let count = 0; ; count++) {
    const entries = ["START", "x".repeat(count % 3_000), "END"].map((line) => ({
      timestampMs: count,
      message: `${count} ${line}`,
    }));
    await store.logs.append([
      { stream: `crash/${round}/1`, entries },
      { stream: `crash/${round}/2`, entries },
    ]);
    say("logged", round ?? "", count);
  }
}

async function putBlobs(): Promise<never> {
  for (let count = 0; ; count++) {
    const data = randomBytes(1 + (count % 10) * 40_000);
    const key = createHash("sha256").update(data).digest("hex");
    await store.blobs.put(
      key,
      (async function* () {
        yield data.subarray(0, data.length >> 1);
        yield data.subarray(data.length >> 1);
      })(),
    );
    say("stored", key);
  }
}

await Promise.all([
  createKeys(),
  countUp(),
  noteKeys(),
  enqueuePairs(),
  finishJobs(),
  appendLogs(),
  putBlobs(),
]);
