/** Java functions, deployed as jars and zips through AWS's SDK, in real sandboxes. */
import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { readdir, readFile, rm } from "node:fs/promises";
import { basename, join, relative } from "node:path";
import { after, before, describe, type TestContext, test } from "node:test";
import {
  type CreateFunctionCommandInput,
  UpdateFunctionConfigurationCommand,
  waitUntilFunctionUpdatedV2,
} from "@aws-sdk/client-lambda";
import type { InstalledRuntime } from "../../src/ports/runtime-catalogue.ts";
import { deploy, invoke, lambdaClient, publishLayer, zipOf } from "../support/deploy.ts";
import { compileJavaFunctions, coreJar } from "../support/java-functions.ts";
import { hasProvidedJava, JAVA_PATH, javaRuntimes } from "../support/java-runtimes.ts";
import { installJavaRic } from "../support/official-clients.ts";
import { skipUnless } from "../support/skip.ts";
import { type RunningLambent, startLambent } from "../support/start-lambent.ts";

type Files = Record<string, Uint8Array | string>;
interface ErrorBody {
  readonly errorMessage: string;
  readonly errorType?: string;
  readonly stackTrace?: string[];
}

const installed = await installJavaRic();
/** All is shown on the newest; on the others, what may be different in each. */
const [newest] = javaRuntimes;
/** The line of the Java on PATH, which AWS's own client is run with. */
const [, lineOnPath] =
  /version "(\d+)/.exec(spawnSync("java", ["-version"], { encoding: "utf8" }).stderr) ?? [];
/** A JVM that does not like how it was started says so in the log. */
const JVM_WARNING = /^(OpenJDK .* warning:|\[.*\]\[warning)/m;

async function filesOf(directory: string): Promise<Files> {
  const files: Files = {};
  for (const entry of await readdir(directory, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name);
    if (entry.isFile()) files[relative(directory, path)] = await readFile(path);
  }
  return files;
}

let root: string;
let classes: Files;
let libraries: string;
let lambent: RunningLambent;
let lambda: ReturnType<typeof lambdaClient>;
let ready = false;

before(async () => {
  if (installed.directory === undefined || javaRuntimes.length === 0) return;
  libraries = installed.directory;
  root = await compileJavaFunctions(libraries);
  classes = await filesOf(join(root, "package"));
  const core = await coreJar(libraries);
  classes[`lib/${basename(core)}`] = await readFile(core);
  lambent = await startLambent({ environment: { PATH: JAVA_PATH } });
  lambda = lambdaClient(lambent.endpoint);
  ready = true;
});
after(async () => {
  await lambent?.stop();
  if (root !== undefined) await rm(root, { recursive: true, force: true });
});

function isReady(t: TestContext): boolean {
  const reason = installed.failure ?? "there is no Java";
  const howTo = "howTo" in installed ? installed.howTo : "apt-get install openjdk-17-jdk-headless";
  return skipUnless(t, ready, reason, howTo);
}

const create = (
  name: string,
  handler: string,
  runtime: InstalledRuntime,
  more: Partial<CreateFunctionCommandInput> = {},
): Promise<void> =>
  deploy(lambda, name, classes, {
    Runtime: runtime.identifier as NonNullable<CreateFunctionCommandInput["Runtime"]>,
    Handler: handler,
    MemorySize: 512,
    Timeout: 30,
    ...more,
  });

test("this machine has a Java, and AWS's libraries can be had", (t) => void isReady(t));

test("there are Javas of the lines that few machines have", (t) => void hasProvidedJava(t));

for (const runtime of javaRuntimes) {
  describe(runtime.identifier, () => {
    const line = runtime.identifier.slice("java".length);
    const isFull = runtime === newest;
    let number = 0;
    /** Deploys one handler and invokes it once. */
    const run = async (handler: string, event: unknown, more: Partial<CreateFunctionCommandInput> = {}) => {
      const name = `java${line}-${number++}`;
      await create(name, handler, runtime, more);
      const invoked = await invoke(lambda, name, event);
      assert.doesNotMatch(invoked.log, JVM_WARNING);
      return { name, ...invoked };
    };

    test("every handler form answers", async (t) => {
      if (!isReady(t)) return;
      const most: [handler: string, event: unknown, answer: unknown][] = [
        ["example.Cases::echo", { a: [1, 2.5, null, true, "ü 🚀"] }, { a: [1, 2.5, null, true, "ü 🚀"] }],
        ["example.Cases::text", "so", "so!"],
        ["example.Cases::twice", 21, 42],
        ["example.Cases::nothing", {}, null],
        ["example.Cases::stream", "12345", "7"],
        ["example.Typed::handleRequest", { b: 2, a: 1 }, [1, 2]],
        ["example.Streams", { raw: "through" }, { raw: "through" }],
        ["example.Cases::onlyContext", {}, `java${line}-7`],
      ];
      const records = { x: 1, y: null, tags: ["t"], unknown: 1 };
      const forms: typeof most = [
        ...(isFull ? most : []),
        ["example.Cases::sums", { a: [1, 2], b: [] }, { a: 3, b: 0 }],
        ["example.Typed", { b: 2, a: 1 }, [1, 2]],
        ["example.Cases::ofLibrary", {}, "from the root"],
        ...(Number(line) >= 16
          ? ([["example.Records::handle", records, { x: 2, tags: ["t"] }]] as typeof most)
          : []),
      ];
      for (const [handler, event, answer] of forms) {
        const { body, functionError, log } = await run(handler, event);
        assert.equal(functionError, undefined, `${handler}: ${JSON.stringify(body)}\n${log}`);
        assert.deepEqual(body, answer, handler);
      }
      const order = {
        name: "first",
        items: [{ amount: 2, price: 1.5 }],
        kind: "LARGE",
        urgent: true,
        at: "2026-01-02T03:04:05Z",
      };
      const { body } = await run("example.Cases::order", order);
      assert.deepEqual(body, { order: { ...order, at: 1_767_323_045 }, total: 3 });
    });

    test("errors have AWS's form, and the log tells them", async (t) => {
      if (!isReady(t)) return;
      const thrown = await run("example.Cases::fail", {});
      assert.equal(thrown.functionError, "Unhandled");
      const error = thrown.body as ErrorBody;
      assert.equal(error.errorMessage, "it broke: ü");
      assert.equal(error.errorType, "java.lang.IllegalStateException");
      assert.equal(error.stackTrace?.length, 1, JSON.stringify(error));
      assert.match(error.stackTrace?.[0] ?? "", /^example[.]Cases[.]fail\(Cases[.]java:\d+\)$/);
      assert.deepEqual(Object.keys(error), ["errorMessage", "errorType", "stackTrace"]);
      assert.match(thrown.log, /\nCaused by: java[.]io[.]IOException: the cause\n/);
      assert.match(thrown.log, /it broke: ü: java[.]lang[.]IllegalStateException\n/);
      const again = await invoke(lambda, thrown.name);
      assert.equal((again.body as ErrorBody).errorMessage, "it broke: ü");
      assert.doesNotMatch(again.log, /Init Duration/);

      type Failure = [handler: string, event: unknown, type: string | undefined, message: RegExp];
      const most: Failure[] = [
        [
          "example.Cases::absent",
          {},
          undefined,
          /^No public method named absent with appropriate method sig/,
        ],
        [
          "example.Plain",
          {},
          undefined,
          /^Class does not implement an appropriate handler interface: example/,
        ],
        ["example.Cases::text", {}, "java.lang.RuntimeException", /^An error occurred during JSON parsing$/],
        [
          "example.Cases::circle",
          {},
          "java.lang.RuntimeException",
          /^An error occurred during JSON serialization/,
        ],
        ["example.BadInit::handle", {}, "java.lang.UnsupportedOperationException", /^init broke$/],
        ["example.Cases::exit", {}, "Runtime.ExitError", /exit status 7/],
      ];
      const expected: Failure[] = [
        ...(isFull ? most : []),
        ["example.Absent", {}, "java.lang.ClassNotFoundException", /^Class not found: example[.]Absent$/],
        [
          "example.BadStatic::handle",
          {},
          "java.lang.ExceptionInInitializerError",
          /^Error loading class example[.]Bad/,
        ],
        ["example.Cases::exhaust", {}, "java.lang.OutOfMemoryError", /^Java heap space$/],
      ];
      for (const [handler, event, type, message] of expected) {
        const { body, functionError, log } = await run(handler, event);
        assert.equal(functionError, "Unhandled", handler);
        const { errorType, errorMessage } = body as ErrorBody;
        assert.equal(errorType, type, `${handler}: ${JSON.stringify(body)}\n${log}`);
        assert.match(errorMessage, message);
      }
    });

    test("what is printed and logged is in the log", async (t) => {
      if (!isReady(t)) return;
      const printed = await run("example.Cases::prints", {});
      assert.match(printed.log, /^plain ä$/m);
      assert.match(printed.log, /^to error$/m);
      const logged = await run("example.Cases::log", {});
      // One record, line breaks and all: it went through the telemetry pipe.
      assert.match(logged.log, /first line\nsecond line/);
      // It came in parts.
      const long = await run("example.Cases::logLong", {});
      assert.match(long.log, /^x{3000,} the end: ü$/m);
      const structured = await run("example.Cases::log", {}, { LoggingConfig: { LogFormat: "JSON" } });
      const records = structured.log
        .trim()
        .split("\n")
        .map((line) => JSON.parse(line));
      const record = records.find(({ message }) => message === "first line\nsecond line");
      assert.match(record?.AWSRequestId ?? "", /^[0-9a-f-]{36}$/, structured.log);
    });

    test("the function sees its context, its variables, the Java of its runtime and nothing of Lambent", async (t) => {
      if (!isReady(t)) return;
      const Variables = { GREETING: "grüße", JAVA_TOOL_OPTIONS: "-XX:+UseParallelGC -Xmx100m" };
      const { body, log } = await run("example.Cases::sees", {}, { Environment: { Variables } });
      const { heapMb, ...seen } = body as { heapMb: number };
      assert.deepEqual(
        seen,
        { variables: [], greeting: "grüße", java: Number(line), home: "/var/lang" },
        log,
      );
      assert.ok(heapMb > 80 && heapMb <= 100, `${heapMb} MB`);
      const context = await run("example.Cases::context", {});
      const { functionName, memory, remainingMs } = context.body as Record<string, unknown>;
      assert.deepEqual([functionName, memory], [context.name, 512]);
      assert.ok(Number(remainingMs) > 10_000 && Number(remainingMs) <= 30_000);
    });

    if (Number(line) >= 21)
      test("virtual threads log, and find the function's classes", async (t) => {
        if (!isReady(t)) return;
        const { body, log } = await run("example.Cases::virtual", {});
        assert.deepEqual(body, [true], log);
        assert.match(log, /from a virtual thread/);
      });

    test("128 MB are enough for a small function", async (t) => {
      if (!isReady(t)) return;
      const { body, log } = await run("example.Cases::twice", 4, { MemorySize: 128 });
      assert.equal(body, 8, log);
    });

    test("a jar is a package, and an exec wrapper gets the JVM's command line", async (t) => {
      if (!isReady(t)) return;
      const jar = join(root, `${runtime.identifier}.jar`);
      execFileSync("jar", ["--create", "--file", jar, "-C", join(root, "package"), "."]);
      const Code = { ZipFile: await readFile(jar) };
      const plain = await run("example.Plain::handle", { jar: true }, { Code });
      assert.deepEqual(plain.body, { jar: true });

      const name = `java${line}-wrapped`;
      const wrapper = '#!/bin/sh\nexport WRAPPED="$1"\nexec "$@"\n';
      await deploy(
        lambda,
        name,
        { ...classes, "wrap-bootstrap": wrapper },
        {
          Runtime: runtime.identifier as NonNullable<CreateFunctionCommandInput["Runtime"]>,
          Handler: "example.Cases::sees",
          MemorySize: 512,
          Timeout: 30,
        },
      );
      await lambda.send(
        new UpdateFunctionConfigurationCommand({
          FunctionName: name,
          Environment: { Variables: { AWS_LAMBDA_EXEC_WRAPPER: "/var/task/wrap-bootstrap" } },
        }),
      );
      await waitUntilFunctionUpdatedV2(
        { client: lambda, maxWaitTime: 30, minDelay: 1 },
        { FunctionName: name },
      );
      const wrapped = await invoke(lambda, name);
      assert.equal((wrapped.body as { wrapped: string }).wrapped, "/var/lang/bin/java", wrapped.log);
    });

    if (isFull)
      test("jars come from layers, and so does an exec wrapper", async (t) => {
        if (!isReady(t)) return;
        const core = await coreJar(libraries);
        const { [`lib/${basename(core)}`]: _, ...alone } = classes;
        const publish = async (name: string, files: Files): Promise<string> =>
          publishLayer(lambda, name, await zipOf(files));
        const jars = await publish(`jars${line}`, { [`java/lib/${basename(core)}`]: await readFile(core) });
        const wrapper = '#!/bin/sh\nexport WRAPPED="$1"\nexec "$@"\n';
        const wrap = await publish(`wrap${line}`, { "wrap-bootstrap": wrapper });
        const layered = async (name: string, handler: string, more: Partial<CreateFunctionCommandInput>) => {
          await deploy(lambda, name, alone, {
            Runtime: runtime.identifier as NonNullable<CreateFunctionCommandInput["Runtime"]>,
            Handler: handler,
            MemorySize: 512,
            Timeout: 30,
            ...more,
          });
          return invoke(lambda, name, { b: 2, a: 1 });
        };
        const missing = await layered(`java${line}-bare`, "example.Typed", {});
        assert.equal(missing.functionError, "Unhandled", JSON.stringify(missing.body));
        const found = await layered(`java${line}-layered`, "example.Typed", { Layers: [jars] });
        assert.deepEqual(found.body, [1, 2], found.log);
        const wrapped = await layered(`java${line}-layer-wrapped`, "example.Cases::sees", {
          Layers: [jars, wrap],
          Environment: { Variables: { AWS_LAMBDA_EXEC_WRAPPER: "/opt/wrap-bootstrap" } },
        });
        assert.equal((wrapped.body as { wrapped: string }).wrapped, "/var/lang/bin/java", wrapped.log);
      });

    if (line === lineOnPath)
      test("AWS's own client, unmodified, in a custom runtime answers the same", async (t) => {
        if (!isReady(t)) return;
        const jars: Files = {};
        for (const name of await readdir(libraries))
          if (name.endsWith(".jar")) jars[`lib/${name}`] = await readFile(join(libraries, name));
        const java = execFileSync("which", ["java"], { encoding: "utf8" }).trim();
        const bootstrap = `#!/bin/sh\nexec ${java} -XX:+UseSerialGC -XX:TieredStopAtLevel=1 -cp '/var/task:/var/task/lib/*' com.amazonaws.services.lambda.runtime.api.client.AWSLambda "$_HANDLER"\n`;
        const official = async (handler: string, event: unknown) => {
          const name = `official${line}-${number++}`;
          await deploy(
            lambda,
            name,
            { ...classes, ...jars, bootstrap },
            {
              Runtime: "provided.al2023",
              Handler: handler,
              MemorySize: 512,
              Timeout: 30,
            },
          );
          return invoke(lambda, name, event);
        };
        const cases: [string, unknown][] = [
          ["example.Cases::echo", { a: [1, 2.5, null], none: null }],
          [
            "example.Cases::order",
            { name: "n", items: [{ amount: 1, price: 2 }], kind: "SMALL", urgent: false, at: null },
          ],
          ["example.Typed", { a: 5 }],
          ["example.Cases::fail", {}],
          ["example.Absent", {}],
          ["example.Cases::absent", {}],
          ["example.Plain", {}],
          ["example.BadInit::handle", {}],
          ["example.Cases::text", {}],
          ["example.Cases::text", [1]],
          ["example.Cases::nothing", {}],
          ["example.Cases::twice", ""],
          ["example.Cases::order", []],
          // Lenient: an unknown constant, a value for a list of it, a number for a time, names in other cases.
          ["example.Cases::order", { kind: "HUGE", items: { amount: "2", price: 1 }, at: 1.5, NAME: "n" }],
          ["example.Cases::order", { kind: 1, items: [], urgent: 1, at: "2026-01-02T03:04:05.678Z" }],
        ];
        for (const [handler, event] of cases) {
          const [theirs, ours] = [await official(handler, event), await run(handler, event)];
          const comparable = (body: unknown) => {
            if (ours.functionError === undefined) return body;
            const { stackTrace: _, ...error } = body as ErrorBody;
            return error;
          };
          assert.deepEqual(comparable(ours.body), comparable(theirs.body), `${handler}\n${theirs.log}`);
          assert.equal(ours.functionError, theirs.functionError, handler);
        }
      });
  });
}
