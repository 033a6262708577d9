import assert from "node:assert/strict";
import { test } from "node:test";
import { sortResolvers } from "./resolvers.ts";

test("servers elsewhere are asked directly, those of the host and by IPv6 through the host", () => {
  const text =
    "# comment\nsearch example.com\nnameserver 203.0.113.1\nnameserver 192.168.7.2\nnameserver fd00::1\n";
  assert.deepEqual(sortResolvers(text, undefined, ["192.168.7.2"]), {
    direct: ["203.0.113.1"],
    hostOnly: ["192.168.7.2", "fd00::1"],
  });
});

test("behind systemd's stub its own servers are used, where they are known", () => {
  const stub = "nameserver 127.0.0.53\noptions edns0 trust-ad\n";
  assert.deepEqual(sortResolvers(stub, "nameserver 10.0.0.2\n", []), { direct: ["10.0.0.2"], hostOnly: [] });
  assert.deepEqual(sortResolvers(stub, undefined, []), { direct: [], hostOnly: ["127.0.0.53"] });
});

test("no more than three are used, and none is none", () => {
  const many = [1, 2, 3, 4].map((last) => `nameserver 203.0.113.${last}`).join("\n");
  assert.equal(sortResolvers(many, undefined, []).direct.length, 3);
  assert.deepEqual(sortResolvers("", undefined, []), { direct: [], hostOnly: [] });
});
