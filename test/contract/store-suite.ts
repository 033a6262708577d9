import { after, before, describe } from "node:test";
import type { Store } from "../../src/ports/store.ts";
import type { StoreUnderTest } from "./store-contract.ts";

export const bytes = (text: string): Uint8Array => Buffer.from(text);
export const text = (data: Uint8Array): string => Buffer.from(data).toString();
export const pause = (delayMs: number): Promise<void> =>
  new Promise((resolve) => setTimeout(resolve, delayMs));

/** A suite with one store, opened before its first test and closed after its last. */
export function describeStore(
  name: string,
  open: () => Promise<StoreUnderTest>,
  suite: (store: () => Store, underTest: () => StoreUnderTest) => void,
): void {
  describe(name, () => {
    let underTest: StoreUnderTest | undefined;
    const opened = (): StoreUnderTest => {
      if (underTest === undefined) {
        throw new Error("the store has not been opened");
      }
      return underTest;
    };
    before(async () => {
      underTest = await open();
    });
    after(() => underTest?.close());
    suite(() => opened().store, opened);
  });
}
