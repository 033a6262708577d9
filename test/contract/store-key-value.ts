import assert from "node:assert/strict";
import { test } from "node:test";
import { type Change, Conflict, type Store, TooLarge } from "../../src/ports/store.ts";
import type { StoreUnderTest } from "./store-contract.ts";
import { bytes, describeStore, text } from "./store-suite.ts";

const VALUE_BYTES_MAX = 1024 * 1024;

export function describeKeyValue(name: string, open: () => Promise<StoreUnderTest>): void {
  describeStore(`${name}: key-value store`, open, (store) => {
    testReadsAndWrites(store);
    testCompareAndSet(store);
    testLimits(store);
    testWatch(store);
  });
}

function testReadsAndWrites(store: () => Store): void {
  test("get answers what was put, and undefined for an absent key", async () => {
    const { keyValue } = store();
    assert.equal(await keyValue.get("get/absent"), undefined);
    const revision = await keyValue.put("get/key", bytes("value"));
    const entry = await keyValue.get("get/key");
    assert.ok(entry);
    assert.deepEqual([entry.key, text(entry.value), entry.revision], ["get/key", "value", revision]);
  });

  test("notes put and delete in order with everything else, and watchers hear of them", async () => {
    const { keyValue } = store();
    await keyValue.put("note/gone", bytes("1"));
    const heard: string[] = [];
    const watch = await keyValue.watch("note/", (change) => {
      if (change.type !== "synced")
        heard.push(`${change.type} ${change.type === "put" ? change.entry.key : change.key}`);
    });
    const before = keyValue.put("note/kept", bytes("before"));
    await keyValue.note([
      { key: "note/kept", value: bytes("noted") },
      { key: "note/gone", value: undefined },
      { key: "note/never-there", value: undefined },
    ]);
    await before;
    await watch.close();
    assert.equal(text((await keyValue.get("note/kept"))!.value), "noted");
    assert.equal(await keyValue.get("note/gone"), undefined);
    assert.deepEqual(heard, ["put note/gone", "put note/kept", "put note/kept", "delete note/gone"]);
  });

  test("values may be empty and may hold any byte", async () => {
    const { keyValue } = store();
    const every = Uint8Array.from({ length: 256 }, (_, index) => index);
    await keyValue.put("bytes/every", every);
    await keyValue.put("bytes/none", new Uint8Array(0));
    assert.deepEqual(Buffer.from((await keyValue.get("bytes/every"))!.value), Buffer.from(every));
    assert.equal((await keyValue.get("bytes/none"))!.value.byteLength, 0);
  });

  test("a value is what it was at the call, also when the caller changes its array afterwards", async () => {
    const { keyValue } = store();
    const value = new Uint8Array([1, 2, 3]);
    const written = keyValue.put("bytes/changed", value);
    value.fill(9);
    await written;
    assert.deepEqual([...(await keyValue.get("bytes/changed"))!.value], [1, 2, 3]);
  });

  test("segments may hold any unicode", async () => {
    const { keyValue } = store();
    const key = "unicode/arn:aws:lambda:ü $x.*>%_'\"\\\u0000\u{1f600}/日本";
    await keyValue.put(key, bytes("1"));
    assert.equal((await keyValue.get(key))?.key, key);
    assert.deepEqual(
      (await keyValue.list("unicode/")).map((entry) => entry.key),
      [key],
    );
  });

  test("the last writer wins, and every write has a new revision", async () => {
    const { keyValue } = store();
    const first = await keyValue.put("put/key", bytes("1"));
    const second = await keyValue.put("put/key", bytes("2"));
    assert.notEqual(first, second);
    assert.equal(text((await keyValue.get("put/key"))!.value), "2");
  });

  test("list has every entry below the prefix and no other, sorted by key", async () => {
    const { keyValue } = store();
    const below = ["list/a", "list/a/b", "list/ab", "list/b", "list/ü", "list/z/1/2"];
    const beside = ["list-", "list.", "list0", "lis", "listing/a"];
    await Promise.all([...below, ...beside].reverse().map((key) => keyValue.put(key, bytes(key))));
    const entries = await keyValue.list("list/");
    assert.deepEqual(
      entries.map((entry) => [entry.key, text(entry.value)]),
      below.toSorted().map((key) => [key, key]),
    );
    assert.deepEqual(await keyValue.list("list/none/"), []);
    const all = (await keyValue.list("")).map((entry) => entry.key);
    assert.ok([...below, ...beside].every((key) => all.includes(key)));
  });
}

function testCompareAndSet(store: () => Store): void {
  test("create: Conflict when the key exists, and nothing changes", async () => {
    const { keyValue } = store();
    const revision = await keyValue.create("create/key", bytes("1"));
    await assert.rejects(keyValue.create("create/key", bytes("2")), Conflict);
    const entry = await keyValue.get("create/key");
    assert.deepEqual([text(entry!.value), entry!.revision], ["1", revision]);
  });

  test("update: Conflict when the revision is not current, the key is gone, or was made again", async () => {
    const { keyValue } = store();
    const first = await keyValue.put("update/key", bytes("1"));
    const second = await keyValue.update("update/key", bytes("2"), first);
    await assert.rejects(keyValue.update("update/key", bytes("3"), first), Conflict);
    assert.equal(text((await keyValue.get("update/key"))!.value), "2");
    await keyValue.delete("update/key");
    await assert.rejects(keyValue.update("update/key", bytes("3"), second), Conflict);
    assert.equal(await keyValue.get("update/key"), undefined);
    await keyValue.create("update/key", bytes("again"));
    await assert.rejects(keyValue.update("update/key", bytes("3"), second), Conflict);
    await assert.rejects(keyValue.update("update/never", bytes("3"), second), Conflict);
    await assert.rejects(keyValue.update("update/key", bytes("3"), "not a revision"), Conflict);
  });

  test("delete: Conflict when a revision is given and is not current; an absent key is fine", async () => {
    const { keyValue } = store();
    const first = await keyValue.put("delete/key", bytes("1"));
    const second = await keyValue.put("delete/key", bytes("2"));
    await assert.rejects(keyValue.delete("delete/key", first), Conflict);
    assert.ok(await keyValue.get("delete/key"));
    await keyValue.delete("delete/key", second);
    assert.equal(await keyValue.get("delete/key"), undefined);
    await keyValue.delete("delete/key");
    await keyValue.delete("delete/never");
  });

  test("of many that create the same key at once, exactly one succeeds", async () => {
    const { keyValue } = store();
    const attempts = Array.from({ length: 50 }, (_, index) =>
      keyValue.create("race/create", bytes(String(index))),
    );
    const results = await Promise.allSettled(attempts);
    const winners = [...results.keys()].filter((index) => results[index]?.status === "fulfilled");
    assert.equal(winners.length, 1);
    assert.ok(results.every((result) => result.status === "fulfilled" || result.reason instanceof Conflict));
    assert.equal(text((await keyValue.get("race/create"))!.value), String(winners[0]));
  });

  test("no increment is lost when four writers count by compare-and-set", async () => {
    const { keyValue } = store();
    await keyValue.put("race/count", bytes("0"));
    let conflicts = 0;
    const increment = async (): Promise<void> => {
      for (;;) {
        const entry = await keyValue.get("race/count");
        try {
          const next = bytes(String(Number(text(entry!.value)) + 1));
          await keyValue.update("race/count", next, entry!.revision);
          return;
        } catch (error) {
          assert.ok(error instanceof Conflict);
          conflicts++;
        }
      }
    };
    const writer = async (): Promise<void> => {
      for (let count = 0; count < 25; count++) {
        await increment();
      }
    };
    await Promise.all([writer(), writer(), writer(), writer()]);
    assert.equal(text((await keyValue.get("race/count"))!.value), "100");
    assert.ok(conflicts > 0, "the writers never met");
  });

  test("one write's conflict does not undo those beside it", async () => {
    const { keyValue } = store();
    await keyValue.put("beside/taken", bytes("0"));
    const results = await Promise.allSettled([
      keyValue.put("beside/1", bytes("1")),
      keyValue.create("beside/taken", bytes("1")),
      keyValue.put("beside/2", bytes("2")),
    ]);
    assert.deepEqual(
      results.map((result) => result.status),
      ["fulfilled", "rejected", "fulfilled"],
    );
    assert.ok(await keyValue.get("beside/1"));
    assert.ok(await keyValue.get("beside/2"));
  });
}

function testLimits(store: () => Store): void {
  test("TooLarge above 1 MiB of value and above 512 bytes of key, and nothing changes", async () => {
    const { keyValue } = store();
    await keyValue.put("large/whole", new Uint8Array(VALUE_BYTES_MAX));
    await assert.rejects(keyValue.put("large/over", new Uint8Array(VALUE_BYTES_MAX + 1)), TooLarge);
    assert.equal(await keyValue.get("large/over"), undefined);
    await keyValue.put(`large/${"é".repeat(253)}`, bytes("512 bytes"));
    await assert.rejects(keyValue.put(`large/${"é".repeat(253)}e`, bytes("513 bytes")), TooLarge);
  });

  test("what is not a key or a prefix is refused", async () => {
    const { keyValue } = store();
    for (const key of ["", "/a", "a/", "a//b", "a/\ud800"]) {
      await assert.rejects(keyValue.put(key, bytes("1")), TypeError, `key ${JSON.stringify(key)}`);
    }
    await assert.rejects(keyValue.list("half"), TypeError);
    await assert.rejects(
      keyValue.watch("half", () => {}),
      TypeError,
    );
  });
}

function describeChange(change: Change): string {
  switch (change.type) {
    case "put":
      return `${change.entry.key}=${text(change.entry.value)}`;
    case "delete":
      return `${change.key} deleted`;
    case "synced":
      return "synced";
  }
}

function testWatch(store: () => Store): void {
  test("watch reports what is there, then synced, then changes below the prefix", async () => {
    const { keyValue } = store();
    await keyValue.put("watch/1", bytes("a"));
    await keyValue.put("watch/2", bytes("b"));
    await keyValue.put("watching", bytes("beside"));
    const changes: string[] = [];
    const watch = await keyValue.watch("watch/", (change) => changes.push(describeChange(change)));
    assert.deepEqual(changes.splice(0), ["watch/1=a", "watch/2=b", "synced"]);
    await keyValue.put("watch/2", bytes("c"));
    await keyValue.put("watching", bytes("beside"));
    await keyValue.create("watch/3/x", bytes("d"));
    await keyValue.delete("watch/1");
    assert.deepEqual(changes.splice(0), ["watch/2=c", "watch/3/x=d", "watch/1 deleted"]);
    await watch.close();
    await keyValue.put("watch/2", bytes("unseen"));
    assert.deepEqual(changes, []);
  });

  test("watching an empty prefix or everything begins with synced or everything", async () => {
    const { keyValue } = store();
    await keyValue.put("everything/1", bytes("a"));
    const none: string[] = [];
    const everything: string[] = [];
    const watches = [
      await keyValue.watch("nothing/here/", (change) => none.push(describeChange(change))),
      await keyValue.watch("", (change) => everything.push(describeChange(change))),
    ];
    assert.deepEqual(none, ["synced"]);
    assert.ok(everything.includes("everything/1=a"));
    assert.equal(everything.at(-1), "synced");
    await Promise.all(watches.map((watch) => watch.close()));
  });

  test("a write is reported before its own promise resolves, with its revision", async () => {
    const { keyValue } = store();
    const revisions: string[] = [];
    const watch = await keyValue.watch("before/", (change) => {
      if (change.type === "put") {
        revisions.push(change.entry.revision);
      }
    });
    for (let count = 0; count < 20; count++) {
      const revision = await keyValue.put("before/key", bytes(String(count)));
      assert.equal(revisions.at(-1), revision);
    }
    await watch.close();
  });

  test("a write that failed, and deleting what is not there, are not reported", async () => {
    const { keyValue } = store();
    await keyValue.put("failed/key", bytes("1"));
    const changes: string[] = [];
    const watch = await keyValue.watch("failed/", (change) => changes.push(describeChange(change)));
    await assert.rejects(keyValue.create("failed/key", bytes("2")), Conflict);
    await keyValue.delete("failed/absent");
    assert.deepEqual(changes, ["failed/key=1", "synced"]);
    await watch.close();
  });

  test("watches begun in the middle of writes see each key in order, and its last value", async () => {
    const { keyValue } = store();
    const seen: Map<string, number>[] = [];
    const watches: Promise<{ close(): Promise<void> }>[] = [];
    const watchOrder = (): void => {
      const values = new Map<string, number>();
      seen.push(values);
      watches.push(
        keyValue.watch("order/", (change) => {
          if (change.type === "put") {
            const value = Number(text(change.entry.value));
            const earlier = values.get(change.entry.key) ?? -1;
            assert.ok(value > earlier, `${change.entry.key}: ${value} after ${earlier}`);
            values.set(change.entry.key, value);
          }
        }),
      );
    };
    const writes: Promise<unknown>[] = [];
    for (let value = 0; value < 300; value++) {
      writes.push(keyValue.put(`order/${value % 3}`, bytes(String(value))));
      if (value % 10 === 0) {
        watchOrder();
        await writes[value >> 1];
      }
    }
    await Promise.all(writes);
    for (const values of seen) {
      assert.deepEqual(
        [values.get("order/0"), values.get("order/1"), values.get("order/2")],
        [297, 298, 299],
      );
    }
    await Promise.all(watches.map(async (watch) => (await watch).close()));
  });
}
