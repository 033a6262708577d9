import assert from "node:assert/strict";
import { test } from "node:test";
// @ts-expect-error -- plain JavaScript, which runs in sandboxes as it is.
import { jvmOptions } from "./jvm-options.mjs";

const heapOf = (memoryMb: number): string => jvmOptions(memoryMb, "")[0];

test("the heap leaves room for the JVM itself", () => {
  assert.equal(heapOf(128), "-Xmx80m");
  assert.equal(heapOf(512), "-Xmx435m");
  assert.equal(heapOf(10_240), "-Xmx8704m");
});

test("what JAVA_TOOL_OPTIONS says is not said again", () => {
  const chosen = "-Xmx100m  -XX:+UseG1GC -XX:+TieredCompilation -Dfile.encoding=ISO-8859-1 -Dother=1";
  assert.deepEqual(jvmOptions(512, chosen), ["-Xshare:auto", "-Djava.net.preferIPv4Stack=true"]);
});
