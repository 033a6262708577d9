import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { systemClock } from "../../src/adapters/clock-system/clock-system.ts";
import { openSqliteStore } from "../../src/adapters/store-sqlite/store-sqlite.ts";
import type { StoreUnderTest } from "./store-contract.ts";

/** A directory that is removed at the end, with whatever the store left in it. */
export async function temporaryDirectory(): Promise<{ path: string; remove(): Promise<void> }> {
  const path = await mkdtemp(join(tmpdir(), "lambent-store-"));
  return { path, remove: () => rm(path, { recursive: true, force: true }) };
}

/** The embedded store in a directory of its own. */
export async function openSqliteUnderTest(): Promise<StoreUnderTest> {
  const directory = await temporaryDirectory();
  const visibilityMs = 700;
  const open = () => openSqliteStore({ dataDirectory: directory.path, clock: systemClock, visibilityMs });
  let store = await open();
  return {
    store,
    visibilityMs,
    reopen: async () => {
      await store.close();
      store = await open();
      return store;
    },
    close: async () => {
      await store.close();
      await directory.remove();
    },
  };
}
