import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { skipUnless } from "../test/support/skip.ts";
import { buildJavaClient, compilerName, JAR, JAVA_CLIENT, sourcesDigest } from "./build-java-client.ts";

const RENEW = "renew it with `node tools/build-java-client.ts`";
const jar = readFileSync(join(JAVA_CLIENT, JAR));
// Nothing in the jar is compressed: its manifest can be read as it is.
const builtWith = /Built-With: (javac \d+)\r\n/.exec(jar.toString("latin1"))?.[1];

test("the jar of the Java client is that of its sources", () => {
  assert.ok(jar.includes(`X-Sources: ${sourcesDigest()}\r\n`), RENEW);
});

test("building the Java client again gives the same bytes", async (t) => {
  const reason = `the jar was built with ${builtWith}, this machine has ${compilerName() ?? "no javac"}`;
  const howTo = "put that compiler first on PATH (apt-get install openjdk-17-jdk-headless)";
  if (!skipUnless(t, compilerName() === builtWith, reason, howTo)) return;
  for (const [name, bytes] of await buildJavaClient())
    assert.ok(bytes.equals(readFileSync(join(JAVA_CLIENT, name))), `${name}: ${RENEW}`);
});
