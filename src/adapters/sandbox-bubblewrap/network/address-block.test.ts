import assert from "node:assert/strict";
import { test } from "node:test";
import { addressBlocks } from "./address-block.ts";

test("a block has a gateway and an address for each slot, none of them twice", () => {
  const [block] = addressBlocks([], 3);
  assert.ok(block !== undefined);
  assert.equal(block.range, "100.65.128.0/17");
  assert.equal(block.gateway, "100.65.128.1");
  assert.equal(block.address(0), "100.65.128.2");
  assert.equal(block.address(block.size - 1), "100.65.255.255");
});

test("blocks that collide with the host's routes or addresses are passed over", () => {
  const blocks = addressBlocks(["100.64.0.0/16", "100.65.0.7", "10.0.0.0/8"], 0);
  assert.equal(blocks[0]?.range, "100.65.128.0/17");
  assert.ok(!blocks.some(({ range }) => range.startsWith("100.64.")));
});

test("where the carriers' range is in use the benchmarks' range serves", () => {
  assert.equal(addressBlocks(["100.64.0.0/10"], 0)[0]?.range, "198.18.0.0/17");
  assert.deepEqual(addressBlocks(["100.64.0.0/10", "198.18.0.0/15"], 0), []);
});

test("default routes and halves of the internet collide with nothing", () => {
  assert.equal(
    addressBlocks(["default", "0.0.0.0/1", "64.0.0.0/2", "fd00::/8"], 0)[0]?.range,
    "100.64.0.0/17",
  );
});
