import assert from "node:assert/strict";
import { test } from "node:test";
import type { FunctionVersion } from "./function-version.ts";
import { isLoop, nextLineage } from "./lineage.ts";

const version = (functionName: string, number = "$LATEST") =>
  ({ account: "000000000000", region: "eu-west-1", functionName, version: number }) as FunctionVersion;

test("counts the invocations of a chain, and those of each function in it", () => {
  const first = nextLineage(undefined, version("a"));
  assert.match(first, /^1:[0-9a-f]{8}:0$/);
  const mark = first.slice(2, 10);
  assert.equal(nextLineage(first, version("a")), `2:${mark}:1`);
  const two = nextLineage(first, version("b"));
  assert.match(two, new RegExp(`^2:[0-9a-f]{8}:0\\|${mark}:0$`));
  assert.match(nextLineage(two, version("a", "7")), new RegExp(`^3:${mark}:1\\|[0-9a-f]{8}:0$`));
});

test("sixteen invocations of a function are allowed, the next one is a loop", () => {
  let lineage: string | undefined;
  for (let invocation = 1; invocation <= 16; invocation++) {
    assert.equal(isLoop(lineage, version("a")), false, `invocation ${invocation}`);
    lineage = nextLineage(lineage, version("a"));
    lineage = nextLineage(lineage, version("b"));
  }
  assert.equal(isLoop(lineage, version("a")), true);
  assert.equal(isLoop(lineage, version("c")), false);
});

test("a chain of many functions does not grow without end, and nonsense is no lineage", () => {
  let lineage: string | undefined;
  for (let index = 0; index < 100; index++) lineage = nextLineage(lineage, version(`f${index}`));
  assert.ok((lineage ?? "").length < 220);
  assert.match(nextLineage("x;y=:::", version("a")), /^1:[0-9a-f]{8}:0$/);
  assert.equal(isLoop("x;y=:::", version("a")), false);
});
