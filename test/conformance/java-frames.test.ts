/** The client for Java says in frames what it says by HTTP. */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, type TestContext, test } from "node:test";
import { promisify } from "node:util";
import { commandOnHost } from "../support/installed-runtimes.ts";
import { hasProvidedJava, javaRuntimes } from "../support/java-runtimes.ts";
import { RuntimeProcess } from "../support/runtime-process.ts";
import { type Answer, type ScriptedEvent, ScriptedRuntimeApi } from "../support/scripted-runtime-api.ts";
import { skipUnless } from "../support/skip.ts";

const LIMIT = { timeout: 30_000 };
const SIX_MB = 6 * 1024 * 1024;
const SOURCE = `
import java.util.*;
public class Cases {
  public Object echo(Object event) { return event; }
  public Object trace(Object event) { return System.getProperty("com.amazonaws.xray.traceHeader"); }
  public Object fail(Object event) { if (event == null) return "fine"; throw new Ünfit("es bräche"); }
  public static class Ünfit extends RuntimeException { Ünfit(String text) { super(text); } }
  public static class Broken {
    static final int NUMBER = Integer.parseInt("no number");
    public Object handle(Object event) { return NUMBER; }
  }
}`;

const root = await mkdtemp(join(tmpdir(), "lambent-java-frames-"));
after(() => rm(root, { recursive: true, force: true }));
await writeFile(join(root, "Cases.java"), SOURCE);
const isCompiled = await promisify(execFile)(
  "javac",
  ["--release", "11", "-nowarn", "-encoding", "UTF-8", "-d", root, "Cases.java"],
  { cwd: root },
).then(
  () => true,
  (error: NodeJS.ErrnoException) => {
    if (error.code !== "ENOENT") throw error;
    return false;
  },
);

interface Way {
  readonly waits: boolean;
  readonly inFrames: boolean;
}

async function withFunction<T>(
  command: readonly string[],
  handler: string,
  { waits, inFrames }: Way,
  use: (api: ScriptedRuntimeApi) => Promise<T>,
): Promise<T> {
  const api = await ScriptedRuntimeApi.start({ takesFrames: inFrames });
  const generic = {
    AWS_LAMBDA_RUNTIME_API: api.address,
    AWS_LAMBDA_FUNCTION_MEMORY_SIZE: "512",
    TZ: ":UTC",
    PATH: "/usr/local/bin:/usr/bin:/bin",
  };
  const variables = { ...generic, LAMBDA_TASK_ROOT: root, _HANDLER: handler };
  const process = new RuntimeProcess({
    command,
    cwd: root,
    environmentVariables: waits ? { ...generic, LAMBENT_RESERVE: "1" } : variables,
  });
  const ended = process.exited.then(async () => {
    throw new Error(`The client ended: ${await process.stderr}${await process.stdout}`);
  });
  ended.catch(() => undefined);
  try {
    if (waits) {
      await Promise.race([api.waitsForAssignment, ended]);
      api.assign(variables);
    }
    return await use(api);
  } finally {
    await process.stop();
    api.close();
  }
}

const told = ({ kind, body, headers }: Answer): unknown => ({
  kind,
  body: body.toString(),
  type: headers["lambda-runtime-function-error-type"],
});

/** What becomes of these events, one after the other, on one connection. */
async function outcome(
  command: readonly string[],
  handler: string,
  events: readonly ScriptedEvent[],
  way: Way,
): Promise<unknown[]> {
  return withFunction(command, handler, way, async (api) => {
    const answers: unknown[] = [];
    for (const event of events) answers.push(told(await api.invoke(event)));
    assert.equal(api.connections, 1);
    return answers;
  });
}

const CASES: Record<string, readonly [handler: string, events: readonly ScriptedEvent[]]> = {
  "events beyond ASCII and empty ones": [
    "Cases::echo",
    ['{"text":"grüße 東京 🚀"}', "", "null", "[]"].map((payload) => ({ payload })),
  ],
  "6 MB both ways": ["Cases::echo", [{ payload: `"${"x".repeat(SIX_MB - 16)}"` }, { payload: "1" }]],
  "errors, and what comes after them": [
    "Cases::fail",
    [{ payload: "1" }, { payload: "" }, { payload: "2" }, { payload: "null" }],
  ],
  "the trace header, and none": [
    "Cases::trace",
    [{ payload: "1", headers: { "Lambda-Runtime-Trace-Id": "Root=1-2-3;Sampled=0" } }, { payload: "1" }],
  ],
};

const isReady = (t: TestContext): boolean =>
  skipUnless(t, isCompiled, "there is no javac", "apt-get install openjdk-17-jdk-headless");

test("there are Javas of the lines that few machines have", (t) => void hasProvidedJava(t));

for (const { identifier, program } of javaRuntimes) {
  const command = commandOnHost(program);
  describe(identifier, () => {
    const isFull = identifier === javaRuntimes[0]?.identifier;
    const cases = Object.entries(CASES).filter(([what]) => isFull || what.startsWith("errors"));
    for (const [what, [handler, events]] of cases)
      test(`the same: ${what}`, LIMIT, async (t) => {
        if (!isReady(t)) return;
        const byHttp = await outcome(command, handler, events, { waits: false, inFrames: false });
        for (const waits of [false, true])
          assert.deepEqual(await outcome(command, handler, events, { waits, inFrames: true }), byHttp);
      });

    for (const inFrames of isFull ? [false, true] : [true])
      test(
        `a connection that is cut is opened again, ${inFrames ? "in frames" : "by HTTP"}`,
        LIMIT,
        async (t) => {
          if (!isReady(t)) return;
          await withFunction(command, "Cases::echo", { waits: false, inFrames }, async (api) => {
            await api.invoke({ payload: "1" });
            await api.waiting();
            api.dropConnections();
            await api.waiting();
            assert.equal((await api.invoke({ payload: "2" })).body.toString(), "2");
          });
        },
      );

    test("a class that cannot be initialised ends it, by HTTP", LIMIT, async (t) => {
      if (!isReady(t)) return;
      for (const waits of [false, true])
        await withFunction(command, "Cases$Broken::handle", { waits, inFrames: true }, async (api) => {
          const { body } = await api.initError;
          assert.match(body.toString(), /ExceptionInInitializerError|NumberFormatException/);
        });
    });
  });
}
