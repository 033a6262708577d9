/** The program that removes what a driver has left: `leftover-watch.ts` runs it with the footprint, as JSON. */
import { type Footprint, removeLeftovers } from "./remove-leftovers.ts";

/** Whatever hangs: somebody may wait to begin. */
const END_WITHIN_MS = 20_000;

setTimeout(() => process.exit(1), END_WITHIN_MS).unref();
await removeLeftovers(JSON.parse(process.argv[2] ?? "") as Footprint);
