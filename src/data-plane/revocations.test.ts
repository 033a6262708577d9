import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { setImmediate as turn } from "node:timers/promises";
import { ManualClock } from "../../test/support/manual-clock.ts";
import { MemoryKeyValueStore } from "../../test/support/memory-store.ts";
import { guardedKeyValues } from "./guarded-key-values.ts";
import { type LeaseHolder, Revocations } from "./revocations.ts";

/** A process that answers when the test lets it. */
class ScriptedHolder implements LeaseHolder {
  readonly asked: { epoch: number; retired: readonly string[] }[] = [];
  readonly #answers: (() => void)[] = [];
  isEnded = false;

  revoke(epoch: number, retired: readonly string[]): Promise<void> {
    this.asked.push({ epoch, retired });
    return new Promise((resolve) => this.#answers.push(resolve));
  }

  end(): Promise<void> {
    this.isEnded = true;
    return Promise.resolve();
  }

  answer(): void {
    this.#answers.shift()?.();
  }
}

const bytes = Buffer.from("{}");

async function settledWithin<T>(promise: Promise<T>): Promise<boolean> {
  let isSettled = false;
  const settle = (): void => {
    isSettled = true;
  };
  promise.then(settle, settle);
  await turn();
  return isSettled;
}

describe("a change that leases rest on", () => {
  test("is done when every process has answered, and not before", async () => {
    const revocations = new Revocations(new ManualClock());
    const store = guardedKeyValues(new MemoryKeyValueStore(), () => revocations.revoke());
    const [a, b] = [new ScriptedHolder(), new ScriptedHolder()];
    revocations.join(a);
    revocations.join(b);
    const { epoch } = revocations;
    const write = store.put("function/000000000000/us-east-1/hello", bytes);
    assert.equal(await settledWithin(write), false);
    a.answer();
    assert.equal(await settledWithin(write), false);
    b.answer();
    await write;
    assert.deepEqual(
      [a.asked, b.asked].map((asked) => asked.map((question) => question.epoch)),
      [[epoch + 1], [epoch + 1]],
    );
  });

  test("is written before the processes are asked: what is leased from then on is new", async () => {
    const inner = new MemoryKeyValueStore();
    const seen: boolean[] = [];
    const store = guardedKeyValues(inner, async () => {
      seen.push((await inner.get("iam/users/1/ann")) !== undefined);
    });
    await store.put("iam/users/1/ann", bytes);
    await store.delete("iam/users/1/ann");
    assert.deepEqual(seen, [true, false]);
  });

  test("asks them after a failed write as well", async () => {
    let asked = 0;
    const store = guardedKeyValues(new MemoryKeyValueStore(), async () => {
      asked++;
    });
    await store.create("alias/1/r/f/live", bytes);
    await assert.rejects(store.create("alias/1/r/f/live", bytes));
    assert.equal(asked, 2);
  });

  test("is nobody's business where leases do not rest on it", async () => {
    const store = guardedKeyValues(new MemoryKeyValueStore(), () => Promise.reject(new Error("asked")));
    await store.put("queue/1/r/name", bytes);
    await store.note([{ key: "metrics/1", value: bytes }]);
  });
});

test("retired deployments go with the next revocation, once", async () => {
  const revocations = new Revocations(new ManualClock());
  const holder = new ScriptedHolder();
  revocations.join(holder);
  revocations.retire("d1");
  for (let index = 0; index < 2; index++) {
    const revoked = revocations.revoke();
    holder.answer();
    await revoked;
  }
  assert.deepEqual(
    holder.asked.map(({ retired }) => retired),
    [["d1"], []],
  );
});

test("a process that does not answer is ended, and the change goes on", async () => {
  const clock = new ManualClock();
  const revocations = new Revocations(clock);
  const deaf = new ScriptedHolder();
  revocations.join(deaf);
  const revoked = revocations.revoke();
  clock.advance(9_999);
  assert.equal(deaf.isEnded, false);
  clock.advance(1);
  await revoked;
  assert.equal(deaf.isEnded, true);
});
