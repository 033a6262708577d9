/** Writes to a store until the disk takes no more, frees some space, and says as JSON what it saw. Argument: data directory. */
import assert from "node:assert/strict";
import { systemClock } from "../../src/adapters/clock-system/clock-system.ts";
import { openSqliteStore } from "../../src/adapters/store-sqlite/store-sqlite.ts";
import { pause } from "./store-suite.ts";

const [dataDirectory] = process.argv.slice(2);
assert(dataDirectory !== undefined);
const store = await openSqliteStore({ dataDirectory, clock: systemClock });
const key = (count: number): string => `full/${count}`;

let acknowledged = 0;
let failure = "";
while (failure === "") {
  try {
    await store.keyValue.put(key(acknowledged), Buffer.alloc(1_024, 1));
    acknowledged++;
  } catch (error) {
    failure = error instanceof Error ? error.name : String(error);
  }
}
const healthyAfterFailure = store.healthy();
const readable = (await store.keyValue.list("full/")).length;
for (let count = 0; count < acknowledged - 1; count++) {
  await store.keyValue.delete(key(count)).catch(() => {});
}
const deadlineMs = performance.now() + 20_000;
while (!store.healthy() && performance.now() < deadlineMs) {
  await pause(50);
}
const healthyAgain = store.healthy();
const left = (await store.keyValue.list("full/")).length;
await store.close();
process.stdout.write(
  JSON.stringify({ acknowledged, failure, healthyAfterFailure, readable, healthyAgain, left }),
);
