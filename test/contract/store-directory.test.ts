import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, readdir, readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { type TestContext, test } from "node:test";
import { fileURLToPath } from "node:url";
import { systemClock } from "../../src/adapters/clock-system/clock-system.ts";
import { openSqliteStore } from "../../src/adapters/store-sqlite/store-sqlite.ts";
import { OperatorError } from "../../src/core/operator-error.ts";
import { Unavailable } from "../../src/ports/store.ts";
import { temporaryDirectory } from "./sqlite-store-under-test.ts";

const CRASH_WRITER = fileURLToPath(new URL("store-crash-writer.ts", import.meta.url));
const FULL_DISK_WRITER = fileURLToPath(new URL("store-full-disk-writer.ts", import.meta.url));

async function directoryFor(context: TestContext): Promise<string> {
  const directory = await temporaryDirectory();
  context.after(() => directory.remove());
  return directory.path;
}

const open = (dataDirectory: string) => openSqliteStore({ dataDirectory, clock: systemClock });

function refusedWith(...parts: (string | RegExp)[]): (error: unknown) => true {
  return (error) => {
    assert.ok(error instanceof OperatorError, String(error));
    for (const part of parts) {
      assert.match(
        `${error.message}\n${error.advice}`,
        part instanceof RegExp ? part : new RegExp(RegExp.escape(part)),
      );
    }
    return true;
  };
}

test("a directory that another process uses is refused, with its process id, until that process ends", async (context) => {
  const directory = await directoryFor(context);
  const other = spawn(process.execPath, [CRASH_WRITER, directory, "0"], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  context.after(() => other.kill("SIGKILL"));
  await once(other.stdout, "data");
  other.stdout.resume();
  await assert.rejects(open(directory), refusedWith(directory, `process with id ${other.pid}`, "--data-dir"));
  other.kill("SIGKILL");
  await once(other, "exit");
  const store = await open(directory);
  await store.close();
});

test("a directory that this process has open is refused, and the first store keeps its lock", async (context) => {
  const directory = await directoryFor(context);
  const store = await open(directory);
  await assert.rejects(open(directory), refusedWith(directory, String(process.pid)));
  await assert.rejects(open(directory), refusedWith(directory, String(process.pid)));
  const other = spawn(process.execPath, [CRASH_WRITER, directory, "0"], {
    stdio: ["ignore", "ignore", "pipe"],
  });
  let errors = "";
  other.stderr.setEncoding("utf8").on("data", (text: string) => {
    errors += text;
  });
  const [code] = await once(other, "close");
  assert.notEqual(code, 0);
  assert.match(errors, /is in use by the process with id/);
  await store.close();
});

test("a newer layout is refused and left alone", async (context) => {
  const directory = await directoryFor(context);
  await writeFile(join(directory, "lambent.json"), '{"layoutVersion":2}');
  await assert.rejects(
    open(directory),
    refusedWith("layout version 2", "versions up to 1", /Start the newer Lambent/),
  );
  assert.deepEqual(await readdir(directory), ["lambent.json"]);
});

test("a damaged version file is refused", async (context) => {
  const directory = await directoryFor(context);
  for (const content of ["", "{}", '{"layoutVersion":"1"}', "[1"]) {
    await writeFile(join(directory, "lambent.json"), content);
    await assert.rejects(open(directory), refusedWith("lambent.json is damaged"), content);
  }
});

test("a newer schema is refused, and the directory is free afterwards", async (context) => {
  const directory = await directoryFor(context);
  await (await open(directory)).close();
  const file = join(directory, "store.sqlite");
  const setVersion = (version: number): void => {
    const db = new DatabaseSync(file);
    db.exec(`pragma user_version = ${version}`);
    db.close();
  };
  const db = new DatabaseSync(file);
  const current = Number(db.prepare("pragma user_version").get()?.user_version);
  db.close();
  setVersion(1_000);
  await assert.rejects(open(directory), refusedWith(file, "schema version 1000", /Start the newer Lambent/));
  setVersion(current);
  await (await open(directory)).close();
});

test("a damaged database is refused, with what can be done", async (context) => {
  const directory = await directoryFor(context);
  await (await open(directory)).close();
  await writeFile(join(directory, "store.sqlite"), Buffer.alloc(8_192, "not a database"));
  await assert.rejects(open(directory), refusedWith("store.sqlite cannot be opened", "backup"));
});

test("a path that cannot be a directory is refused", async (context) => {
  const directory = await directoryFor(context);
  const file = join(directory, "file");
  await writeFile(file, "");
  await assert.rejects(open(join(file, "below")), refusedWith("cannot be used", "--data-dir"));
});

test("the directory, made with its parents, is for its owner alone", async (context) => {
  const directory = join(await directoryFor(context), "parent", "data");
  const store = await open(directory);
  await store.keyValue.put("a", Buffer.from("1"));
  const modeOf = async (...path: string[]): Promise<number> =>
    (await stat(join(directory, ...path))).mode & 0o777;
  assert.equal(await modeOf(), 0o700);
  assert.equal(await modeOf("blobs"), 0o700);
  for (const name of [
    "lambent.json",
    "lock",
    "pid",
    "store.sqlite",
    "store.sqlite-wal",
    "store.sqlite-shm",
  ]) {
    assert.equal(await modeOf(name), 0o600, name);
  }
  const version = JSON.parse(await readFile(join(directory, "lambent.json"), "utf8"));
  assert.equal(version.layoutVersion, 1);
  assert.ok(Math.abs(Date.parse(version.createdAt) - Date.now()) < 60_000);
  await store.close();
});

test("what an interrupted upload left is removed at the next start", async (context) => {
  const directory = await directoryFor(context);
  await mkdir(join(directory, "blobs", "incoming"), { recursive: true });
  await writeFile(join(directory, "blobs", "incoming", "half"), "half a blob");
  const store = await open(directory);
  assert.deepEqual(await readdir(join(directory, "blobs", "incoming")), []);
  await store.close();
});

test("a disk that is full makes writes Unavailable and the store unhealthy, not the process die", async (context) => {
  const directory = await directoryFor(context);
  // The limit on the size of a file stands for the disk's; the signal that comes with it would end the process.
  const script = 'trap "" XFSZ; ulimit -f 6144; exec "$0" "$@"';
  const child = spawn("bash", ["-c", script, process.execPath, FULL_DISK_WRITER, directory], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  let output = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    output += text;
  });
  const [code] = await once(child, "close");
  assert.equal(code, 0);
  const found = JSON.parse(output) as Record<string, unknown>;
  assert.equal(found["failure"], new Unavailable().name);
  assert.equal(found["healthyAfterFailure"], false);
  assert.equal(found["readable"], found["acknowledged"]);
  assert.ok(Number(found["acknowledged"]) >= 1);
  assert.equal(found["healthyAgain"], true, "space was freed, and the store did not notice");
  const store = await open(directory);
  assert.equal((await store.keyValue.list("")).length, found["left"]);
  await store.close();
});
