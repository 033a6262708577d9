import assert from "node:assert/strict";
import { test } from "node:test";
import { UnprivilegedUsers } from "./unprivileged-users.ts";

const WHOLE_RANGE = "         0          0 4294967295\n";

test("users are far from those that anybody else hands out, and other ones for each instance", () => {
  const first = UnprivilegedUsers.open("instance one", WHOLE_RANGE)!.take();
  const second = UnprivilegedUsers.open("instance two", WHOLE_RANGE)!.take();
  for (const user of [first, second]) assert.ok(user >= 0x70000000 && user < 0x80000000, String(user));
  assert.notEqual(first, second);
  assert.equal(UnprivilegedUsers.open("instance one", WHOLE_RANGE)!.take(), first);
});

test("a user is not given out twice while it is in use", () => {
  const users = UnprivilegedUsers.open("x", WHOLE_RANGE)!;
  const taken = [users.take(), users.take(), users.take()];
  assert.equal(new Set(taken).size, 3);
  users.release(taken[1]!);
  assert.equal(users.take(), taken[1]);
});

test("in a container with few ids, the upper ones of them are used", () => {
  const users = UnprivilegedUsers.open("x", "0 1000 1\n1 100000 65536\n")!;
  const user = users.take();
  assert.ok(user >= 32_768 && user < 65_537, String(user));
});

test("there is nobody to become in a namespace with a single id", () => {
  assert.equal(UnprivilegedUsers.open("x", "0 1000 1\n"), undefined);
});
