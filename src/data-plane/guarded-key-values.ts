import type { Key, KeyValueStore } from "../ports/store.ts";

/** What leases rest on: functions with all that belongs to them, and who may do what. */
const GUARDED_PREFIXES = [
  "function/",
  "function-version/",
  "function-attachment/",
  "alias/",
  "concurrency/",
  "iam/",
  "credentials/",
];

const isGuarded = (key: Key): boolean => GUARDED_PREFIXES.some((prefix) => key.startsWith(prefix));

/**
 * The same store, where a change of what leases rest on is done when `revoke` has resolved: whoever waits for the change,
 * and so the client who asked for it, has its answer when every process knows.
 */
export function guardedKeyValues(inner: KeyValueStore, revoke: () => Promise<void>): KeyValueStore {
  const guarded = async <T>(key: Key, write: Promise<T>): Promise<T> => {
    if (!isGuarded(key)) return write;
    try {
      return await write;
    } finally {
      // After a failure as well: whether a write that was not acknowledged has happened is not known.
      await revoke();
    }
  };
  return {
    get: (key) => inner.get(key),
    list: (prefix) => inner.list(prefix),
    watch: (prefix, onChange) => inner.watch(prefix, onChange),
    put: (key, value) => guarded(key, inner.put(key, value)),
    create: (key, value) => guarded(key, inner.create(key, value)),
    update: (key, value, revision) => guarded(key, inner.update(key, value, revision)),
    delete: (key, revision) => guarded(key, inner.delete(key, revision)),
    note: (changes) => guarded(changes.find(({ key }) => isGuarded(key))?.key ?? "", inner.note(changes)),
  };
}
