import type { Store } from "../../src/ports/store.ts";
import { describeBlobs } from "./store-blobs.ts";
import { describeKeyValue } from "./store-key-value.ts";
import { describeLeases } from "./store-leases.ts";
import { describeLifetime } from "./store-lifetime.ts";
import { describeLogStreams } from "./store-log-streams.ts";
import { describeLogs } from "./store-logs.ts";
import { describeQueue } from "./store-queue.ts";

/** A store of its own for each suite, empty at first. */
export interface StoreUnderTest {
  readonly store: Store;
  /** How long a receiver keeps a job; short, so that the suite can wait for its end. */
  readonly visibilityMs: number;
  /** Closes the store and opens it again on the same data. The first store is not used afterwards. */
  reopen(): Promise<Store>;
  /** Closes whichever store is open, and removes the data. */
  close(): Promise<void>;
}

/** The promises of src/ports/store.ts as tests: every adapter of the store passes them. */
export function describeStoreContract(name: string, open: () => Promise<StoreUnderTest>): void {
  describeKeyValue(name, open);
  describeLeases(name, open);
  describeQueue(name, open);
  describeBlobs(name, open);
  describeLogs(name, open);
  describeLogStreams(name, open);
  describeLifetime(name, open);
}
