/**
 * What JVMs load. One that waited has gone through everything before: what is new to it in an invocation are the function's
 * classes. One that is started for its function leaves out what is slow.
 */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { promisify } from "node:util";
import { nativeLauncher } from "../../tools/build-java-native.ts";
import { commandOnHost } from "../support/installed-runtimes.ts";
import { hasProvidedJava, javaRuntimes } from "../support/java-runtimes.ts";
import { RuntimeProcess } from "../support/runtime-process.ts";
import { ScriptedRuntimeApi } from "../support/scripted-runtime-api.ts";
import { skipUnless } from "../support/skip.ts";

const SOURCES = {
  "com/amazonaws/services/lambda/runtime/Context.java":
    "package com.amazonaws.services.lambda.runtime; public interface Context { String getAwsRequestId(); LambdaLogger getLogger(); }",
  "com/amazonaws/services/lambda/runtime/LambdaLogger.java":
    "package com.amazonaws.services.lambda.runtime; public interface LambdaLogger { void log(String text); }",
  "example/Plain.java":
    'package example; public class Plain { public String handle(Object event) { return "hello"; } }',
  "example/Usual.java": `package example;
    import com.amazonaws.services.lambda.runtime.Context;
    import java.util.*;
    public class Usual {
      public Map<String, Object> handle(Map<String, Object> event, Context context) {
        context.getLogger().log("of " + context.getAwsRequestId());
        Map<String, Object> answer = new HashMap<>();
        event.forEach((name, value) -> answer.put(name + "s", value));
        return answer;
      }
    }`,
};
/** What a JVM makes for a function's own interfaces, lambdas and concatenations. */
const MADE_FOR_IT =
  /^(example[.]|com[.]amazonaws[.]|jdk[.]proxy\d|(com[.]sun|jdk)[.]proxy|java[.]lang[.]invoke[.]LambdaForm\$|java[.]lang[.]String\$\$StringConcat)/;

const root = await mkdtemp(join(tmpdir(), "lambent-java-rehearsal-"));
after(() => rm(root, { recursive: true, force: true }));

/** False where there is no compiler. */
async function compile(): Promise<boolean> {
  const files = Object.entries(SOURCES).map(([name, source]) => ({ path: join(root, name), source }));
  for (const { path, source } of files) {
    await mkdir(join(path, ".."), { recursive: true });
    await writeFile(path, source);
  }
  const options = ["--release", "11", "-nowarn", "-d", join(root, "code"), ...files.map(({ path }) => path)];
  return promisify(execFile)("javac", options).then(
    () => true,
    (error: NodeJS.ErrnoException) => {
      if (error.code !== "ENOENT") throw error;
      return false;
    },
  );
}
const isCompiled = await compile();

/** The classes that a JVM loads up to its first answer; one that waits, from its assignment on. */
async function classesOfFirstInvocation(
  command: readonly string[],
  handler: string,
  waits: boolean,
): Promise<string[]> {
  const log = join(root, "classes.log");
  const api = await ScriptedRuntimeApi.start();
  const variables = {
    AWS_LAMBDA_RUNTIME_API: api.address,
    AWS_LAMBDA_FUNCTION_MEMORY_SIZE: "512",
    TZ: ":UTC",
    PATH: "/usr/local/bin:/usr/bin:/bin",
    JDK_JAVA_OPTIONS: `-Xlog:class+load:file=${log}:none`,
  };
  const ofFunction = { ...variables, LAMBDA_TASK_ROOT: join(root, "code"), _HANDLER: handler };
  const process = new RuntimeProcess({
    command,
    cwd: root,
    environmentVariables: waits ? { ...variables, LAMBENT_RESERVE: "1" } : ofFunction,
  });
  try {
    if (waits) await api.waitsForAssignment;
    const before = waits ? (await readFile(log, "utf8")).length : 0;
    if (waits) api.assign(ofFunction);
    const { kind } = await api.invoke({ payload: '{"name":1}' });
    assert.equal(kind, "response");
    assert.equal(api.connections, 1);
    const lines = (await readFile(log, "utf8")).slice(before).split("\n");
    return lines.map((line) => line.split(" ")[0] ?? "").filter((name) => name !== "");
  } finally {
    await process.stop();
    api.close();
  }
}

test("there are Javas of the lines that few machines have", (t) => void hasProvidedJava(t));

for (const { identifier, program } of javaRuntimes) {
  const command = commandOnHost(program);

  test(`${identifier}, waiting, loads the function and nothing else`, { timeout: 30_000 }, async (t) => {
    if (!skipUnless(t, isCompiled, "there is no javac", "apt-get install openjdk-17-jdk-headless")) return;
    const plain = await classesOfFirstInvocation(command, "example.Plain::handle", true);
    assert.deepEqual(plain, ["example.Plain"]);
    const usual = await classesOfFirstInvocation(command, "example.Usual::handle", true);
    assert.ok(usual.includes("example.Usual"));
    assert.deepEqual(
      usual.filter((name) => !MADE_FOR_IT.test(name)),
      [],
    );
  });

  test(`${identifier}, started for a function, makes no connection itself`, {
    timeout: 30_000,
  }, async (t) => {
    if (!skipUnless(t, isCompiled, "there is no javac", "apt-get install openjdk-17-jdk-headless")) return;
    const howTo = "node tools/build-java-native.ts";
    if (!skipUnless(t, existsSync(nativeLauncher(process.arch)), "no launcher for this machine", howTo))
      return;
    const loaded = await classesOfFirstInvocation(command, "example.Plain::handle", false);
    assert.ok(loaded.includes("example.Plain"));
    assert.ok(!loaded.includes("java.net.Socket"));
  });
}
