/** A JVM that waited for its function is, to the function, one that was started for it. */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdir, mkdtemp, rename, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, type TestContext, test } from "node:test";
import { promisify } from "node:util";
import { commandOnHost } from "../support/installed-runtimes.ts";
import { hasProvidedJava, javaRuntimes } from "../support/java-runtimes.ts";
import { RuntimeProcess } from "../support/runtime-process.ts";
import { type ScriptedEvent, ScriptedRuntimeApi } from "../support/scripted-runtime-api.ts";
import { skipUnless } from "../support/skip.ts";

const SEES = `
package example;
import java.io.*;
import java.nio.file.*;
import java.util.*;
public class Sees {
  private static String run(String... command) throws IOException {
    return new String(new ProcessBuilder(command).start().getInputStream().readAllBytes());
  }
  public Map<String, Object> handle(Map<String, Object> event) throws Exception {
    Map<String, Object> seen = new TreeMap<>();
    seen.put("event", event);
    seen.put("variables", new TreeMap<>(System.getenv()));
    seen.put("variable", System.getenv("GREETING"));
    seen.put("missing", System.getenv("ONLY_BEFORE"));
    seen.put("ofBuilder", new TreeMap<>(new ProcessBuilder().environment()));
    seen.put("ofChild", new TreeSet<>(Arrays.asList(run("/usr/bin/env").split("\\n"))));
    seen.put("directoryOfChild", run("/bin/pwd", "-P").trim());
    seen.put("directory", System.getProperty("user.dir"));
    seen.put("stream", new String(new FileInputStream("resource.txt").readAllBytes()));
    seen.put("exists", new File("resource.txt").exists() && new File("example").isDirectory());
    seen.put("nio", new String(Files.readAllBytes(Paths.get("resource.txt"))));
    seen.put("listed", new TreeSet<>(Arrays.asList(new File(".").list())));
    seen.put("resource", new String(Sees.class.getResourceAsStream("/resource.txt").readAllBytes()));
    seen.put("timeZone", TimeZone.getDefault().getID());
    seen.put("hour", new java.text.SimpleDateFormat("HH").format(new Date(0)));
    seen.put("encoding", java.nio.charset.Charset.defaultCharset() + " " + Locale.getDefault());
    seen.put("heapMb", Runtime.getRuntime().maxMemory() >> 20);
    seen.put("loaders", Sees.class.getClassLoader().getClass() + " " + Thread.currentThread().getContextClassLoader().equals(Sees.class.getClassLoader()));
    seen.put("origin", Sees.class.getProtectionDomain().getCodeSource().getLocation() + " " + Sees.class.getPackage());
    Map<Object, Object> properties = new TreeMap<>(System.getProperties());
    seen.put("properties", properties);
    return seen;
  }
  public Object opened(Object event) throws Exception {
    java.lang.reflect.Field field = Class.forName("java.lang.ProcessEnvironment").getDeclaredField("theEnvironment");
    field.setAccessible(true);
    Set<String> variables = new TreeSet<>();
    for (Object variable : ((Map<?, ?>) field.get(null)).entrySet()) variables.add(variable.toString());
    return variables;
  }
  public Object fail(Object event) { throw new IllegalStateException("it broke", new IOException("the cause")); }
}
`;

let root: string;
let compiled = false;

before(async () => {
  root = await mkdtemp(join(tmpdir(), "lambent-java-waiting-"));
  await writeFile(join(root, "Sees.java"), SEES);
  const options = ["--release", "11", "-nowarn", "-encoding", "UTF-8", "-d", join(root, "code")];
  await promisify(execFile)("javac", [...options, "Sees.java"], { cwd: root }).then(
    () => {
      compiled = true;
    },
    (error: NodeJS.ErrnoException) => {
      if (error.code !== "ENOENT") throw error;
    },
  );
  if (compiled) await writeFile(join(root, "code/resource.txt"), "the function's own");
});
after(() => rm(root, { recursive: true, force: true }));

const isReady = (t: TestContext): boolean =>
  skipUnless(
    t,
    compiled && javaRuntimes.length > 0,
    "there is no javac",
    "apt-get install openjdk-17-jdk-headless",
  );

test("this machine has a Java compiler", (t) => void isReady(t));

interface Outcome {
  readonly answer: Record<string, unknown>;
  readonly kind: string;
  readonly stdout: string;
  readonly stderr: string;
}

/** What the function sees and prints; `waiting`: in a JVM that was started before there was any code. */
async function outcome(
  command: readonly string[],
  waiting: boolean,
  { handler, event, ...more }: { handler: string; event: ScriptedEvent } & Record<string, unknown>,
): Promise<Outcome> {
  // The code appears under the path of a directory that the waiting JVM is already in, as a mount over it does.
  const task = join(root, "task");
  if (waiting) await mkdir(task);
  else await rename(join(root, "code"), task);
  const api = await ScriptedRuntimeApi.start();
  const generic = {
    AWS_LAMBDA_RUNTIME_API: api.address,
    AWS_LAMBDA_FUNCTION_MEMORY_SIZE: "256",
    PATH: "/usr/local/bin:/usr/bin:/bin",
    TZ: ":UTC",
  };
  const environmentVariables = {
    ...generic,
    GREETING: "grüße = 東京",
    EMPTY: "",
    LAMBDA_TASK_ROOT: task,
    _HANDLER: handler,
    ...(more.variables as Record<string, string> | undefined),
  };
  const process = new RuntimeProcess({
    command,
    cwd: task,
    environmentVariables: waiting
      ? { ...generic, LAMBENT_RESERVE: "1", ONLY_BEFORE: "must go" }
      : environmentVariables,
  });
  try {
    if (waiting) {
      await Promise.race([api.waitsForAssignment, endedEarly(process)]);
      await rename(task, join(root, "before"));
      await rename(join(root, "code"), task);
      api.assign(environmentVariables);
    }
    const { kind, body } = await Promise.race([api.invoke(event), endedEarly(process)]);
    await process.stop();
    const same = (text: string): string =>
      text.replaceAll(api.address, "RUNTIME-API").replaceAll(/unnamed module @[0-9a-f]+/g, "unnamed module");
    const stdout = same(await process.stdout);
    return { kind, answer: JSON.parse(same(body.toString())), stdout, stderr: await process.stderr };
  } finally {
    await process.stop();
    api.close();
    await rename(task, join(root, "code"));
    await rm(join(root, "before"), { recursive: true, force: true });
  }
}

async function endedEarly(process: RuntimeProcess): Promise<never> {
  await process.exited;
  throw new Error(`The client ended: ${await process.stderr}${await process.stdout}`);
}

/** What tells how a JVM was started; the rest of its properties must be the same. */
const PROPERTIES_OF_START = /^(sun[.]java[.]command|jdk[.]module[.].*)$/;

test("there are Javas of the lines that few machines have", (t) => void hasProvidedJava(t));

for (const runtime of javaRuntimes) {
  const command = commandOnHost(runtime.program);
  describe(runtime.identifier, () => {
    const isFull = runtime === javaRuntimes[0];
    for (const [what, variables] of Object.entries({
      "what its environment is": {},
      ...(isFull && { "a time zone of its own": { TZ: "Asia/Tokyo" } }),
    })) {
      test(`the function sees the same: ${what}`, async (t) => {
        if (!isReady(t)) return;
        const run = { handler: "example.Sees::handle", event: { payload: '{"a":[1,"ü"]}' }, variables };
        const full = await outcome(command, false, run);
        const waited = await outcome(command, true, run);
        for (const { answer } of [full, waited]) {
          const properties = answer.properties as Record<string, unknown>;
          for (const name of Object.keys(properties))
            if (PROPERTIES_OF_START.test(name)) delete properties[name];
        }
        assert.deepEqual(waited, full);
        assert.equal(full.answer.variable, "grüße = 東京");
        assert.equal(full.answer.stream, "the function's own");
        assert.equal(full.answer.origin, `file:${join(root, "task")}/ package example`);
      });
    }

    test("a failure is reported the same, and java.lang stays closed to the function", async (t) => {
      if (!isReady(t)) return;
      // Java 11 opens java.lang to everybody, and warns, as on AWS.
      const opened = runtime.identifier === "java11" ? "response" : "error";
      for (const [handler, kind] of [
        ["example.Sees::fail", "error"],
        ["example.Sees::opened", opened],
        ["example.Nowhere::handle", "error"],
      ] as const) {
        const run = { handler, event: { payload: "{}" } };
        const full = await outcome(command, false, run);
        assert.equal(full.kind, kind);
        assert.deepEqual(await outcome(command, true, run), full, handler);
      }
    });
  });
}
