import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { systemClock } from "../../src/adapters/clock-system/clock-system.ts";
import { openSqliteStore } from "../../src/adapters/store-sqlite/store-sqlite.ts";
import type { Store } from "../../src/ports/store.ts";
import { temporaryDirectory } from "./sqlite-store-under-test.ts";

const WRITER = fileURLToPath(new URL("store-crash-writer.ts", import.meta.url));
const ROUNDS = 16;
/** Longest time between the beginning of a round, or of its writing, and its end. */
const LIFE_MS_MAX = 500;

/** Everything that was acknowledged in any round. */
class Acknowledged {
  readonly keys = new Set<string>();
  readonly pairs = new Set<string>();
  readonly finishing = new Set<string>();
  readonly finished = new Set<string>();
  /** The last acknowledged call for each round. */
  readonly logged = new Map<string, number>();
  readonly blobs = new Set<string>();
  /** Round and number of the last note. */
  noted: readonly [string, number] | undefined;
  count = 0;
  lines = 0;

  note(line: string): void {
    const [what, subject = "", number] = line.split(" ");
    this.lines++;
    switch (what) {
      case "created":
        this.keys.add(subject);
        break;
      case "counted":
        this.count = Number(subject);
        break;
      case "enqueued":
        this.pairs.add(subject);
        break;
      case "finishing":
        this.finishing.add(subject);
        break;
      case "finished":
        this.finished.add(subject);
        break;
      case "logged":
        this.logged.set(subject, Number(number));
        break;
      case "noted":
        this.noted = [subject, Number(number)];
        break;
      case "stored":
        this.blobs.add(subject);
        break;
      default:
        assert.equal(what, "opened", line);
    }
  }
}

/** Lets a process write and kills it: from its start on, or from the moment on when it has opened the store. */
async function crash(directory: string, round: number, acknowledged: Acknowledged): Promise<void> {
  const child = spawn(process.execPath, [WRITER, directory, String(round)], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const ended = new Promise<NodeJS.Signals | null>((resolve) =>
    child.once("close", (_code, signal) => resolve(signal)),
  );
  let output = "";
  const killLater = (): NodeJS.Timeout =>
    setTimeout(() => child.kill("SIGKILL"), Math.random() * LIFE_MS_MAX);
  if (round % 4 === 3) {
    killLater();
  } else {
    child.stdout.once("data", killLater);
  }
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    output += text;
  });
  assert.equal(await ended, "SIGKILL", "the writer ended by itself");
  const lines = output.split("\n");
  // What follows the last line break was cut off by the end.
  lines.pop();
  for (const line of lines) {
    acknowledged.note(line);
  }
}

async function verify(store: Store, acknowledged: Acknowledged): Promise<void> {
  const entries = new Map((await store.keyValue.list("")).map(({ key, value }) => [key, Buffer.from(value)]));
  for (const key of acknowledged.keys) {
    assert.ok(entries.has(key), `${key} was acknowledged and is lost`);
  }
  const count = Number(entries.get("count")?.toString() ?? 0);
  // One update in each of the two rounds since the last look may have been made without being acknowledged.
  assert.ok(
    count >= acknowledged.count && count <= acknowledged.count + 2,
    `${count}, ${acknowledged.count}`,
  );
  acknowledged.count = count;
  for (const [key, value] of entries) {
    if (key !== "count" && key !== "noted") {
      const number = Number(key.split("/").at(-1));
      assert.ok(value.equals(Buffer.alloc(1 + (number % 40) * 500, key)), `${key} is damaged`);
    }
  }
  await verifyNotes(store, acknowledged);
  await verifyLogs(store, acknowledged);
  for (const key of acknowledged.blobs) {
    assert.ok(await store.blobs.has(key), `blob ${key} was acknowledged and is lost`);
  }
}

async function verifyNotes(store: Store, { noted }: Acknowledged): Promise<void> {
  if (noted === undefined) return;
  const [round, count] = noted;
  const [noteRound, noteCount] = Buffer.from((await store.keyValue.get("noted"))?.value ?? [])
    .toString()
    .split(" ");
  // One that was not acknowledged any more may be there.
  assert.ok(
    noteRound !== round || Number(noteCount) >= count,
    `${noteRound} ${noteCount}, not ${round} ${count}`,
  );
}

async function verifyLogs(store: Store, acknowledged: Acknowledged): Promise<void> {
  for (const [round, last] of acknowledged.logged) {
    for (const stream of [`crash/${round}/1`, `crash/${round}/2`]) {
      const messages = (await store.logs.read(stream, undefined, 1_000_000)).map(({ message }) => message);
      const calls = messages.length / 3;
      assert.ok(calls >= last + 1, `${stream}: ${last + 1} calls were acknowledged, ${calls} are there`);
      const expected = Array.from({ length: calls }, (_, call) =>
        ["START", "x".repeat(call % 3_000), "END"].map((line) => `${call} ${line}`),
      );
      assert.deepEqual(messages, expected.flat(), stream);
    }
  }
}

/** Takes everything out of the queue, at the very end. */
async function verifyQueue(store: Store, acknowledged: Acknowledged): Promise<void> {
  const waiting = new Map<string, number>();
  for (;;) {
    const jobs = await store.queue.receive("crash", 1_000, 0);
    if (jobs.length === 0) {
      break;
    }
    for (const job of jobs) {
      const body = Buffer.from(job.body).toString();
      waiting.set(body, (waiting.get(body) ?? 0) + 1);
    }
  }
  for (const [body, times] of waiting) {
    assert.equal(times, 1, `${body} is there ${times} times`);
    assert.ok(!acknowledged.finished.has(body), `${body} was finished and came back`);
    const [round, count, half] = body.split("/");
    const other = `${round}/${count}/${half === "a" ? "b" : "a"}`;
    assert.ok(waiting.has(other) || acknowledged.finishing.has(other), `${body} is there without ${other}`);
  }
  for (const pair of acknowledged.pairs) {
    assert.ok(waiting.has(`${pair}/a`), `${pair}/a was acknowledged and is lost`);
    const second = `${pair}/b`;
    assert.ok(
      waiting.has(second) || acknowledged.finishing.has(second),
      `${second} was acknowledged and is lost`,
    );
  }
}

/** Every file below the blobs directory is a whole blob. */
async function verifyBlobFiles(store: Store, directory: string): Promise<number> {
  const files = await readdir(join(directory, "blobs"), { recursive: true, withFileTypes: true });
  const names = files.filter((file) => file.isFile()).map((file) => file.name);
  for (const name of names) {
    const hash = createHash("sha256");
    for await (const chunk of await store.blobs.get(name)) {
      hash.update(chunk);
    }
    assert.equal(hash.digest("hex"), name, "a blob is damaged");
  }
  return names.length;
}

test("a process killed at any instant loses nothing acknowledged and leaves no lock", {
  timeout: 120_000,
}, async (context) => {
  const directory = await temporaryDirectory();
  context.after(() => directory.remove());
  const acknowledged = new Acknowledged();
  const open = (): Promise<Store> => openSqliteStore({ dataDirectory: directory.path, clock: systemClock });
  for (let round = 0; round < ROUNDS; round++) {
    await crash(directory.path, round, acknowledged);
    // Every other time the next process finds things just as the killed one left them.
    if (round % 2 === 1) {
      const store = await open();
      await verify(store, acknowledged);
      await store.close();
    }
  }
  const store = await open();
  await verify(store, acknowledged);
  await verifyQueue(store, acknowledged);
  const blobFiles = await verifyBlobFiles(store, directory.path);
  await store.close();
  const db = new DatabaseSync(join(directory.path, "store.sqlite"), { readOnly: true });
  assert.deepEqual({ ...db.prepare("pragma integrity_check").get() }, { integrity_check: "ok" });
  db.close();
  for (const kind of [acknowledged.keys, acknowledged.pairs, acknowledged.finished, acknowledged.blobs]) {
    assert.ok(kind.size > ROUNDS, "the writers hardly wrote anything");
  }
  context.diagnostic(
    `${ROUNDS} kills; acknowledged and found: ${acknowledged.keys.size} keys, ${acknowledged.count} updates, ` +
      `${acknowledged.pairs.size * 2} jobs (${acknowledged.finished.size} finished), ` +
      `${[...acknowledged.logged.values()].reduce((sum, last) => sum + (last + 1) * 6, 0)} log entries, ` +
      `${acknowledged.blobs.size} blobs (${blobFiles} files)`,
  );
});
