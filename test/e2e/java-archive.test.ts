/** JVMs that are started for a function use the archive of classes that Lambent has had made, and no function can change it. */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { globSync } from "node:fs";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, type TestContext, test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { promisify } from "node:util";
import { deploy, invoke, lambdaClient } from "../support/deploy.ts";
import { JAVA_PATH, javaRuntimes } from "../support/java-runtimes.ts";
import { skipUnless } from "../support/skip.ts";
import { startLambent } from "../support/start-lambent.ts";

const LIMIT = { timeout: 180_000 };
const LOOK = `
import java.io.*;
import java.nio.file.*;
import java.util.*;
public class Look {
  public Map<String, Object> handle(Object event) throws IOException {
    Map<String, Object> seen = new HashMap<>();
    seen.put("mapped", new String(Files.readAllBytes(Paths.get("/proc/self/maps"))).contains("/java-archive/classes.jsa"));
    List<String> writes = new ArrayList<>();
    for (String name : new String[] {"classes.jsa", "digest", "other"})
      try { new FileOutputStream("/var/lambent/java-archive/" + name, true).close(); writes.add("done"); }
      catch (IOException refused) { writes.add("refused"); }
    seen.put("writes", writes);
    return seen;
  }
}`;

const root = await mkdtemp(join(tmpdir(), "lambent-java-archive-"));
after(() => rm(root, { recursive: true, force: true }));
/** Earlier ones have no archives. */
const identifiers = javaRuntimes
  .map(({ identifier }) => identifier)
  .filter((identifier) => identifier !== "java11");

/** Undefined where there is no compiler. */
async function compiled(): Promise<Buffer | undefined> {
  await writeFile(join(root, "Look.java"), LOOK);
  try {
    await promisify(execFile)("javac", ["--release", "11", "Look.java"], { cwd: root });
    return await readFile(join(root, "Look.class"));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
}

const isReady = (t: TestContext, code: Buffer | undefined): code is Buffer =>
  skipUnless(t, identifiers.length > 0, "there is no Java 17, 21 or 25", "lambent runtime install java25") &&
  skipUnless(t, code !== undefined, "there is no javac", "apt-get install openjdk-17-jdk-headless");

test("a JVM maps its runtime's archive, if its function says nothing about archives", LIMIT, async (t) => {
  const code = await compiled();
  if (!isReady(t, code)) return;
  const lambent = await startLambent({ environment: { LAMBENT_RESERVE_MAX: "0", PATH: JAVA_PATH } });
  try {
    const lambda = lambdaClient(lambent.endpoint);
    const look = async (
      identifier: string,
      name: string,
      variables: Record<string, string>,
    ): Promise<unknown> => {
      await deploy(
        lambda,
        `${identifier}-${name}`,
        { "Look.class": code },
        {
          Runtime: identifier as "java25",
          Handler: "Look::handle",
          MemorySize: 512,
          Timeout: 30,
          Environment: { Variables: variables },
        },
      );
      const { body, functionError } = await invoke(lambda, `${identifier}-${name}`);
      assert.equal(functionError, undefined, JSON.stringify(body));
      return body;
    };
    const writes = ["refused", "refused", "refused"];
    const health = (await (await fetch(`${lambent.endpoint}/health`)).json()) as {
      isolation: { isolates: boolean };
    };
    if (
      !skipUnless(t, health.isolation.isolates, "nothing is isolated here", "run it on Linux with bubblewrap")
    )
      return;
    for (const identifier of identifiers) await look(identifier, "asks-for-it", {});
    const digests = join(lambent.dataDirectory, "runtime-packs/archive-*/digest");
    while (globSync(digests).length < identifiers.length) await delay(100);
    for (const identifier of identifiers)
      assert.deepEqual(await look(identifier, "plain", {}), { mapped: true, writes }, identifier);
    const [newest = ""] = identifiers;
    const own = { JDK_JAVA_OPTIONS: "-Xshare:auto" };
    assert.deepEqual(await look(newest, "own-archive", own), { mapped: false, writes });
    const options = { JAVA_TOOL_OPTIONS: "-XX:+UseSerialGC" };
    assert.deepEqual(await look(newest, "own-options", options), { mapped: false, writes });
  } finally {
    await lambent.stop();
  }
});
