/** Environments that find their deployment's compiled code are, to the function, like those that compile it. */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { readdir, readFile, stat } from "node:fs/promises";
import { dirname, join, relative } from "node:path";
import { after, before, describe, type TestContext, test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import type { Runtime } from "@aws-sdk/client-lambda";
import { bundle } from "../support/bundle.ts";
import { deploy, invoke, lambdaClient } from "../support/deploy.ts";
import { discoverForTests } from "../support/installed-runtimes.ts";
import { skipUnless } from "../support/skip.ts";
import { type RunningLambent, startLambent } from "../support/start-lambent.ts";

type Files = Record<string, string | Uint8Array>;

let lambent: RunningLambent;
let lambda: ReturnType<typeof lambdaClient>;
before(async () => {
  lambent = await startLambent();
  lambda = lambdaClient(lambent.endpoint);
});
after(() => lambent?.stop());

const isolated = (t: TestContext): boolean =>
  skipUnless(
    t,
    lambent.banner.some((line) => line.includes("bubblewrap")),
    "packs are made of what is read-only at /var/task, which needs isolation",
    "apt-get install bubblewrap",
  );

/** Enough source to be worth a pack. */
const BULK = `\n/* ${"bulk ".repeat(12_000)} */\n`;
/** What a module can tell of itself and of how it was loaded. */
const REPORT = `
  const report = () => ({
    main: require.main === undefined ? "none" : require.main.filename,
    isMain: require.main === module,
    filename: __filename, directory: __dirname, id: module.id, loaded: module.loaded, paths: module.paths,
    parent: module.parent && module.parent.filename,
    children: module.children.map((child) => child.filename),
    cached: Object.keys(require.cache).filter((name) => name.startsWith("/var/task")).sort(),
    resolved: require.resolve("./part"), lookup: require.resolve.paths("x"), extensions: Object.keys(require.extensions),
    arguments: process.argv, execArguments: process.execArgv, requireKeys: Object.keys(require),
    variables: Object.keys(process.env).filter((name) => /LAMBENT|CODE_CACHE/.test(name)),
    cacheDirectory: require("node:module").getCompileCacheDir?.() ?? null,
    text: report.toString(), stack: new Error("for its stack").stack, topLevelThis, strict, wrapper: wrapperLength,
    parts: require("./part").describe(), json: require("./data.json"), initError, late: require("./late").value,
  });
`;
const COMMON: Files = {
  "part.js": `${BULK}exports.describe = () => new Error("in part").stack.split("\\n").slice(0, 2); exports.file = __filename;`,
  "late.js": `${BULK}exports.value = "loaded in the handler";`,
  "throws.js": `${BULK}\nfunction inner() {   throw new RangeError("while loading"); }\ninner();`,
  "syntax.js": `${BULK}\nlet let = 1;`,
  "imported.mjs": "export const value = 'imported ' + import.meta.url;",
  "data.json": '{"from":"json"}',
};
const COMMON_MODULE = `const topLevelThis = this === module.exports; const strict = (function () { return this === undefined; })();
  const wrapperLength = arguments.length; let initError = [];
  for (const name of ["./throws", "./syntax", "./nowhere"]) try { require(name); } catch (error) {
    initError.push([error.name, error.message, error.code, name === "./throws" && error.stack.split("\\n").filter((line) => line.includes("/var/task"))]); }
  ${REPORT} ${BULK}
  exports.handler = async (event) => { if (event.exit) process.exit(1);
    const { value } = await import("./imported.mjs"); const self = await import("./part.js");
    return { ...report(), value, names: Object.keys(self) }; };`;

const S3_HANDLER = `
  const client = new S3Client({ region: "us-east-1", endpoint: "http://127.0.0.1:1", maxAttempts: 1 });
  export const handler = async (event) => { if (event.exit) process.exit(1);
    const error = await client.send(new ListBucketsCommand({})).catch((error) => error);
    return { name: error.name, code: error.code, stack: new Error("here").stack.split("\\n")[1] }; };`;
const IMPORT_S3 = 'import { S3Client, ListBucketsCommand } from "@aws-sdk/client-s3";';

/** The files of node_modules that the S3 client loads for a request, with their packages' package.json. */
async function s3Modules(): Promise<Files> {
  const script = `const { S3Client, ListBucketsCommand } = require("@aws-sdk/client-s3");
    new S3Client({ region: "us-east-1", endpoint: "http://127.0.0.1:1", maxAttempts: 1 }).send(new ListBucketsCommand({}))
      .catch(() => {}).then(() => console.log(JSON.stringify(Object.keys(require.cache))));`;
  const env = { PATH: process.env.PATH, AWS_ACCESS_KEY_ID: "test", AWS_SECRET_ACCESS_KEY: "test" };
  const root = fileURLToPath(new URL("../..", import.meta.url));
  const { stdout } = await promisify(execFile)(process.execPath, ["-e", script], { cwd: root, env });
  const files: Files = {};
  for (const path of JSON.parse(stdout) as string[]) {
    const top = path.slice(0, path.indexOf("node_modules/"));
    files[relative(top, path)] = await readFile(path);
    for (let at = dirname(path); !at.endsWith("node_modules"); at = dirname(at)) {
      const manifest = await readFile(join(at, "package.json")).catch(() => undefined);
      if (manifest !== undefined) files[relative(top, join(at, "package.json"))] = manifest;
    }
  }
  return files;
}

const packFiles = async (): Promise<string[]> => {
  const directory = join(lambent.dataDirectory, "code-cache");
  return (await readdir(directory))
    .filter((name) => !name.includes(".") && !name.endsWith("-preloads"))
    .map((name) => join(directory, name));
};

async function until<T>(find: () => Promise<T | undefined>): Promise<T> {
  for (const end = Date.now() + 20_000; Date.now() < end; await delay(20)) {
    const found = await find();
    if (found !== undefined) return found;
  }
  throw new Error("It did not come to that.");
}

interface PythonReport {
  readonly compiled: readonly string[];
  /** Of what a client's services are described in. */
  readonly opened: readonly string[];
  readonly report: unknown;
}

/** The two of botocore's loaders that find out what services there are, and what they are. */
const LOADERS = `
import json, os
class JSONFileLoader:
    def load_file(self, file_path):
        if os.path.isfile(file_path + ".json"):
            with open(file_path + ".json") as file:
                return json.load(file)
class Loader:
    def list_available_services(self, type_name):
        return []
`;
/** Tells which files Python compiles for it, which it reads, and how its modules look. */
const PYTHON_HANDLER = `
import os, sys, traceback
compiled = set()
def audit(event, arguments):
    if event == "compile" and str(arguments[1]).startswith("/var/task/"):
        compiled.add(arguments[1][len("/var/task/"):])
    if event == "open" and str(arguments[0]).startswith("/var/task/botocore/data/"):
        opened.append(os.path.basename(arguments[0]))
opened = []
sys.addaudithook(audit)
import botocore.loaders
import big, package
description = botocore.loaders.JSONFileLoader().load_file("/var/task/botocore/data/s3")
def handler(event, context):
    if event.get("exit"):
        os._exit(1)
    import late
    try:
        late.fail()
    except ValueError:
        text = traceback.format_exc()
    try:
        import broken
    except SyntaxError as error:
        syntax = str(error)
    modules = [[m.__name__, m.__file__, m.__cached__, type(m.__loader__).__name__, m.__spec__.origin] for m in (big, late, package)]
    hidden = [name for name in os.environ if "LAMBENT" in name or "CODE_CACHE" in name]
    report = [modules, text, syntax, package.value, hidden, description]
    return {"compiled": sorted(compiled), "opened": opened, "report": report}
`;

const FUNCTIONS: Record<string, () => Promise<Files>> = {
  "CommonJS with JSON, import() and failing modules": async () => ({ ...COMMON, "index.js": COMMON_MODULE }),
  "the same as .cjs": async () => ({ ...COMMON, "index.cjs": COMMON_MODULE }),
  "an ES module that imports CommonJS": async () => ({
    ...COMMON,
    "common.cjs": COMMON_MODULE.replace("exports.handler =", "exports.inner ="),
    "index.mjs": `import { inner } from "./common.cjs"; import part, { file } from "./part.js";
      export const handler = async (event) => ({ ...(await inner(event)), file, same: part.file === file, url: import.meta.url });`,
  }),
  "TypeScript, bundled with a source map": () =>
    bundle(
      `enum Kind { A, B } interface Event { exit?: boolean }
       export const handler = async (event: Event) => { if (event.exit) process.exit(1);
         return { kind: Kind[1], stack: new Error("typed").stack!.split("\\n").slice(0, 3) }; };
       export const bulk = ${JSON.stringify(BULK)};`,
      { sourcemap: "inline", format: "cjs" },
    ),
  "the S3 client, bundled": () => bundle(IMPORT_S3 + S3_HANDLER, { minify: true, format: "cjs" }),
  "the S3 client from node_modules": async () => ({
    ...(await s3Modules()),
    "index.mjs": IMPORT_S3 + S3_HANDLER,
  }),
};

describe("a function that is loaded with compiled code kept for it", () => {
  for (const [what, filesOf] of Object.entries(FUNCTIONS)) {
    const name = what.replaceAll(/[^\w]+/g, "-");
    test(`sees what it would see without: ${what}`, async (t) => {
      if (!isolated(t)) return;
      const files = await filesOf();
      const before = await packFiles();
      // Interpreter options of its own keep a function from packs.
      const without = { Environment: { Variables: { NODE_OPTIONS: "--no-deprecation" } }, MemorySize: 1024 };
      await deploy(lambda, `${name}-without`, files, without);
      const expected = await invoke(lambda, `${name}-without`);
      assert.equal(expected.functionError, undefined, JSON.stringify(expected.body));
      assert.deepEqual(await packFiles(), before);

      await deploy(lambda, name, files, { MemorySize: 1024 });
      const making = await invoke(lambda, name);
      assert.deepEqual(making.body, expected.body, "the one that makes the pack");
      const pack = await until(async () => (await packFiles()).find((file) => !before.includes(file)));
      assert.ok((await stat(pack)).size > 5_000);
      await invoke(lambda, name, { exit: true });
      const { mtimeMs } = await stat(pack);
      const using = await invoke(lambda, name);
      assert.deepEqual(using.body, expected.body, "the one that uses it");
      // Node would warn of imports in scripts that were compiled before.
      assert.doesNotMatch(expected.log + making.log + using.log, /Warning/);
      assert.ok((await stat(pack)).mtimeMs > mtimeMs, "the pack was read");
    });
  }

  test("a function that uses Node's network modules gets a process that has loaded them, others do not", async (t) => {
    if (!isolated(t)) return;
    const handler = `const had = process.moduleLoadList.includes("NativeModule https");
      USES
      exports.handler = async (event) => { await new Promise((resolve) => setTimeout(resolve, event.waitMs));
        return [had, Object.keys(process.env).filter((name) => /LAMBENT/.test(name)), process.ppid === 0]; };`;
    await deploy(lambda, "calls-services", { "index.js": handler.replace("USES", 'require("https");') });
    await deploy(lambda, "calls-nobody", { "index.js": handler.replace("USES", "") });
    /** One environment more with each call. */
    let atOnce = 1;
    const environments = (name: string) =>
      Promise.all(
        Array.from({ length: atOnce }, async () => (await invoke(lambda, name, { waitMs: 300 })).body),
      );
    for (; atOnce <= 20; atOnce++) {
      const found = (await environments("calls-services")) as [boolean, string[], boolean][];
      for (const [had, variables, isForked] of found) {
        assert.deepEqual(variables, []);
        if (isForked) assert.ok(had, "what is forked has loaded them from the beginning");
      }
      const [first] = found;
      const isTold = atOnce === 1 && first?.[2] === false;
      assert.equal(isTold && first[0], false, "the first one tells what it uses");
      if (found.some(([had]) => had)) break;
    }
    assert.ok(atOnce <= 20);
    const others = (await environments("calls-nobody")) as [boolean, string[], boolean][];
    for (const [had, , isForked] of others) assert.equal(had, isForked);
  });

  test("a function with little code gets none, and one that is gone leaves none", async (t) => {
    if (!isolated(t)) return;
    const before = await packFiles();
    const code = { "index.js": "exports.handler = async () => 1;" };
    await deploy(lambda, "small", code);
    await invoke(lambda, "small");
    await deploy(lambda, "data", { ...code, "data.txt": "x".repeat(100_000) });
    await invoke(lambda, "data");
    const added = async (): Promise<string[]> => (await packFiles()).filter((file) => !before.includes(file));
    const [pack = "", ...more] = await until(async () => {
      const packs = await added();
      return packs.length > 0 ? packs : undefined;
    });
    assert.deepEqual(more, [], "nothing is kept for the small one");
    assert.equal((await stat(pack)).size, 0, "only that none is needed is noted");
    const { DeleteFunctionCommand } = await import("@aws-sdk/client-lambda");
    await lambda.send(new DeleteFunctionCommand({ FunctionName: "data" }));
    await until(async () => ((await packFiles()).includes(pack) ? undefined : true));
  });

  test("Python: modules are not compiled again, and look as they would without", async (t) => {
    if (!isolated(t)) return;
    const runtime = (await discoverForTests())
      .list()
      .find(({ identifier }) => identifier.startsWith("python3."))?.identifier;
    if (!skipUnless(t, runtime !== undefined, "no Python", "lambent runtime install python3.13")) return;
    const bulk = Array.from(
      { length: 800 },
      (_, index) => `def f${index}(x):\n    return [x, ${index}]\n`,
    ).join("");
    const files = {
      "index.py": PYTHON_HANDLER,
      "big.py": bulk,
      "late.py": `${bulk}\ndef fail():\n    raise ValueError("in late")\n`,
      "package/__init__.py": "from .part import value\n",
      "package/part.py": "value = __spec__.name\n",
      "broken.py": "def f(:\n",
      "botocore/__init__.py": "",
      "botocore/loaders.py": LOADERS,
      "botocore/data/s3.json": '{"operations": ["ListBuckets"]}',
    };
    const before = await packFiles();
    await deploy(lambda, "python", files, { Runtime: runtime as Runtime, MemorySize: 1024 });
    const first = (await invoke(lambda, "python")).body as PythonReport;
    const pack = await until(async () => (await packFiles()).find((file) => !before.includes(file)));
    assert.ok((await stat(pack)).size > 50_000);
    await invoke(lambda, "python", { exit: true });
    const second = (await invoke(lambda, "python")).body as PythonReport;
    assert.deepEqual(second.report, first.report);
    assert.deepEqual(first.compiled, [
      "big.py",
      "botocore/__init__.py",
      "botocore/loaders.py",
      "broken.py",
      "late.py",
      "package/__init__.py",
      "package/part.py",
    ]);
    assert.deepEqual([first.opened, second.opened], [["s3.json"], []], "an SDK's files are in the pack");
    assert.deepEqual(second.compiled, ["broken.py"], "only what cannot be compiled is tried again");
  });
});
