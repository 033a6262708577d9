/** ES modules, and what they import() later, are loaded with the code that an earlier environment has compiled. */
import assert from "node:assert/strict";
import { readdir, readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, describe, type TestContext, test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { crc32 } from "node:zlib";
import type { Runtime } from "@aws-sdk/client-lambda";
import type { PluginBuild } from "esbuild";
import { bundle } from "../support/bundle.ts";
import { deploy, invoke, lambdaClient } from "../support/deploy.ts";
import { installNode22 } from "../support/official-clients.ts";
import { skipUnless } from "../support/skip.ts";
import { type RunningLambent, startLambent } from "../support/start-lambent.ts";

type Files = Record<string, string | Uint8Array>;

interface Report {
  /** What differs where code was not compiled as it was called. */
  readonly compiledBytes: number;
  /** What must not. */
  readonly seen: unknown;
  readonly scratch: readonly string[];
}

/** What is compiled of the S3 client when a request is sent, not when it is loaded: more than this. */
const CALLED_LATER_BYTES = 100_000;
const REQUIRE =
  'import { createRequire } from "node:module"; const require = createRequire(import.meta.url);';
const USE_S3 = `const client = new S3Client({ region: "us-east-1", endpoint: "http://127.0.0.1:1", maxAttempts: 1 });
  const error = await client.send(new ListBucketsCommand({})).catch((error) => error);`;
const PRELUDE = `import { readdirSync } from "node:fs";
  import Module, { getCompileCacheDir } from "node:module";
  import { getHeapCodeStatistics } from "node:v8";
  const compiled = () => getHeapCodeStatistics().bytecode_and_metadata_size;
  const report = (compiledBytes, more) => ({ compiledBytes, scratch: readdirSync("/tmp"), seen: {
    ...more, url: import.meta.url, stack: new Error("here").stack.split("\\n").slice(0, 2),
    directories: [getCompileCacheDir() ?? null, Module.getCompileCacheDir() ?? null], arguments: process.execArgv,
    variables: Object.keys(process.env).filter((name) => /LAMBENT|COMPILE|CODE_CACHE/.test(name)) } });`;
const STATIC = `${PRELUDE}
  import { ListBucketsCommand, S3Client } from "@aws-sdk/client-s3";
  const compiledBytes = compiled();
  export const handler = async (event) => { if (event.exit) process.exit(1); ${USE_S3}
    return report(compiledBytes, { code: error.code }); };`;
const DYNAMIC = `${PRELUDE}
  let compiledBytes;
  export const handler = async (event) => { if (event.exit) process.exit(1);
    const before = compiled();
    const { work } = await import("./work.ts");
    compiledBytes ??= compiled() - before;
    return report(compiledBytes, { code: await work() }); };`;

const asModule = {
  format: "esm",
  minify: true,
  outExtension: { ".js": ".mjs" },
  banner: { js: REQUIRE },
} as const;
const WORK = `import { ListBucketsCommand, S3Client } from "@aws-sdk/client-s3";
  export async function work() { ${USE_S3} return error.code; }`;
const withWork = {
  name: "work",
  setup: (build: PluginBuild) => {
    build.onResolve({ filter: /^\.\/work\.ts$/ }, () => ({ path: "work", namespace: "work" }));
    build.onLoad({ filter: /.*/, namespace: "work" }, () => ({
      contents: WORK,
      loader: "ts",
      resolveDir: import.meta.dirname,
    }));
  },
};
const FUNCTIONS: Record<string, () => Promise<Files>> = {
  "the S3 client, bundled": () => bundle(STATIC, asModule),
  "the S3 client, by import() in the handler": () =>
    bundle(DYNAMIC, { ...asModule, splitting: true, plugins: [withWork] }),
};

describe("an ES module that is loaded with compiled code kept for it", () => {
  let lambent: RunningLambent;
  let lambda: ReturnType<typeof lambdaClient>;
  let runtimes: string[];
  before(async () => {
    const { directory } = await installNode22();
    // Beside Node.js 24, where it can be had.
    const PATH = [directory, process.env.PATH].filter(Boolean).join(":");
    lambent = await startLambent({ environment: { PATH } });
    lambda = lambdaClient(lambent.endpoint);
    const health = (await (await fetch(`${lambent.endpoint}/health`)).json()) as {
      runtimes: ({ identifier: string } | string)[];
    };
    runtimes = health.runtimes
      .map((runtime) => (typeof runtime === "string" ? runtime : runtime.identifier))
      .filter((identifier) => identifier.startsWith("nodejs"));
  });
  after(async () => {
    lambda?.destroy();
    await lambent?.stop();
  });

  const isolated = (t: TestContext): boolean =>
    skipUnless(
      t,
      lambent.banner.some((line) => line.includes("bubblewrap")),
      "packs are made of what is read-only at /var/task, which needs isolation",
      "apt-get install bubblewrap",
    );
  const packs = async (): Promise<string[]> => {
    const directory = join(lambent.dataDirectory, "code-cache");
    const names = (await readdir(directory)).filter((name) => !name.includes("."));
    return names.map((name) => join(directory, name));
  };
  const newPack = async (before: readonly string[]): Promise<string> => {
    for (let attempt = 0; attempt < 1_000; attempt++) {
      const pack = (await packs()).find((file) => !before.includes(file));
      if (pack !== undefined) return pack;
      await delay(20);
    }
    throw new Error("no pack is made");
  };
  const report = async (name: string): Promise<Report> => {
    const { body, functionError } = await invoke(lambda, name);
    assert.equal(functionError, undefined, JSON.stringify(body));
    return body as Report;
  };
  const afresh = (name: string) => invoke(lambda, name, { exit: true });
  /** With a pack that its first environment has made. */
  const deployed = async (name: string, files: Files, Runtime: Runtime = "nodejs24.x"): Promise<string> => {
    const before = await packs();
    await deploy(lambda, name, files, { MemorySize: 1024, Runtime });
    await report(name);
    return newPack(before);
  };

  for (const [what, filesOf] of Object.entries(FUNCTIONS))
    test(`is compiled already, and sees what it would see without: ${what}`, async (t) => {
      if (!isolated(t)) return;
      const files = await filesOf();
      for (const runtime of runtimes as Runtime[]) {
        t.diagnostic(runtime);
        const name = `${what.replaceAll(/[^\w]+/g, "-")}-${runtime.replace(".", "_")}`;
        const Variables = { NODE_OPTIONS: "--no-deprecation" };
        const settings = { MemorySize: 1024, Runtime: runtime };
        await deploy(lambda, `${name}-without`, files, { ...settings, Environment: { Variables } });
        const expected = await report(`${name}-without`);
        const pack = await deployed(name, files, runtime);
        assert.deepEqual((await report(name)).seen, expected.seen, "the one that makes the pack");
        const { mtimeMs } = await stat(pack);
        await afresh(name);
        const loaded = await report(name);
        assert.deepEqual(loaded.seen, expected.seen, "the one that uses it");
        assert.ok((await stat(pack)).mtimeMs > mtimeMs, "the pack was read");
        const more = loaded.compiledBytes - expected.compiledBytes;
        assert.ok(more > CALLED_LATER_BYTES, `${runtime}: ${more} more than ${expected.compiledBytes}`);
        assert.deepEqual((await report(name)).scratch, [], "what was read from files is removed");
      }
    });

  test("a damaged pack is not used, and the function runs as ever", async (t) => {
    if (!isolated(t)) return;
    const files = await bundle(STATIC, asModule);
    const pack = await deployed("damaged", files);
    await afresh("damaged");
    const usual = await report("damaged");
    const whole = await readFile(pack);
    const change = (at: number): Buffer => {
      const bytes = Buffer.from(whole);
      bytes[at] = (bytes[at] ?? 0) ^ 0xff;
      return bytes;
    };
    const forged = change(whole.length - 1_000);
    forged.writeUInt32LE(crc32(forged.subarray(4)));
    for (const [bytes, is] of [
      [forged, "kept: Node has found it"],
      [change(whole.length - 1_000), "gone"],
    ] as const) {
      await writeFile(pack, bytes);
      await afresh("damaged");
      const { compiledBytes } = await report("damaged");
      assert.ok(compiledBytes < usual.compiledBytes - CALLED_LATER_BYTES, String(compiledBytes));
      assert.equal((await packs()).includes(pack), is !== "gone", is);
    }
    await afresh("damaged");
    await report("damaged");
    await newPack((await packs()).filter((file) => file !== pack));
  });

  test("the one that makes the pack evaluates modules once, also those that import nothing", async (t) => {
    if (!isolated(t)) return;
    const padding = `export const padding = "${"x".repeat(60_000)}";`;
    const files = {
      "index.mjs": `import "./counted.mjs"; const own = globalThis.own = (globalThis.own ?? 0) + 1; ${padding}
        export const handler = async () => [process.pid, globalThis.counted, globalThis.own, own];`,
      "counted.mjs": `globalThis.counted = (globalThis.counted ?? 0) + 1; ${padding}`,
    };
    await deployed("once", files);
    const first = await invoke(lambda, "once");
    assert.deepEqual((first.body as number[]).slice(1), [1, 1, 1]);
    assert.deepEqual((await invoke(lambda, "once")).body, first.body);
  });

  test("another function of the same code has its own", async (t) => {
    if (!isolated(t)) return;
    const files = await bundle(STATIC, asModule);
    const one = await deployed("one", files);
    const { mtimeMs } = await stat(one);
    const two = await deployed("two", files);
    assert.notEqual(one, two);
    assert.equal((await stat(one)).mtimeMs, mtimeMs, "and nobody has read the first one's");
  });

  test("environments that use a pack change nothing of it", async (t) => {
    if (!isolated(t)) return;
    const pack = await deployed("twice", await bundle(STATIC, asModule));
    const made = await readFile(pack);
    for (let start = 0; start < 2; start++) {
      await afresh("twice");
      for (let invocation = 0; invocation < 3; invocation++) await report("twice");
    }
    assert.deepEqual(await readFile(pack), made);
  });
});
