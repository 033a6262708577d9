/** A function cannot tell that its runtime's client comes from a pack, and cannot change it. */
import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { deploy, invoke, lambdaClient } from "../support/deploy.ts";
import { skipUnless } from "../support/skip.ts";
import { startLambent } from "../support/start-lambent.ts";

const LOOK = `
const fs = require("node:fs");
const tryTo = (action) => { try { action(); return "done"; } catch (error) { return error.code; } };
const files = fs.readdirSync("/var/runtime").map((name) => "/var/runtime/" + name);
const warnings = [];
process.on("warning", (warning) => warnings.push(warning.name));
exports.handler = async () => ({
  packed: files.includes("/var/runtime/client.js"),
  writes: [...files.map((file) => tryTo(() => fs.appendFileSync(file, "x"))), tryTo(() => fs.writeFileSync("/var/runtime/x", ""))],
  removals: files.map((file) => tryTo(() => fs.rmSync(file))),
  seen: {
    main: [typeof require.main, "mainModule" in process], loaded: Object.keys(require.cache), parent: module.parent?.children.length,
    parameters: [process.argv.slice(1), process.execArgv], collects: typeof gc,
    imported: Object.keys(await import("./module.mjs")), warnings,
    own: Object.getOwnPropertyNames(process).sort(), globals: Object.getOwnPropertyNames(globalThis).sort(),
    stack: new Error().stack.split("\\n").slice(1).filter((line) => !line.includes("/var/runtime/")),
  },
});`;
const FILES = { "index.js": LOOK, "module.mjs": "export const one = await Promise.resolve(1);" };

interface Looked {
  readonly packed: boolean;
  readonly writes: string[];
  readonly removals: string[];
  readonly seen: { readonly globals: string[] };
}

/** What a new function finds, started with these options for Node. */
async function look(endpoint: string, name: string, nodeOptions?: string): Promise<Looked> {
  const lambda = lambdaClient(endpoint);
  const environment = nodeOptions === undefined ? {} : { NODE_OPTIONS: nodeOptions };
  await deploy(lambda, name, FILES, { Environment: { Variables: environment } });
  const { body, functionError } = await invoke(lambda, name);
  assert.equal(functionError, undefined, JSON.stringify(body));
  return body as Looked;
}

test("functions start from a pack, and the same from the client's own files", async (t) => {
  const dataDirectory = await mkdtemp(join(tmpdir(), "lambent-test-"));
  t.after(() => rm(dataDirectory, { recursive: true, force: true }));
  // No place for packs.
  await writeFile(join(dataDirectory, "runtime-packs"), "");
  const environment = { LAMBENT_RESERVE_MAX: "0" };
  const [packed, plain] = await Promise.all([
    startLambent({ environment }),
    startLambent({ dataDirectory, environment }),
  ]);
  try {
    const health = (await (await fetch(`${packed.endpoint}/health`)).json()) as {
      isolation: { isolates: boolean };
    };
    const { isolates } = health.isolation;
    if (!skipUnless(t, isolates, "nothing is isolated here", "run it on Linux with bubblewrap")) return;
    const first = await look(packed.endpoint, "packed");
    assert.equal(first.packed, true);
    // V8 does not take what it has compiled with other flags.
    const jitless = await look(packed.endpoint, "jitless", "--jitless");
    assert.equal(jitless.packed, true);
    const unpacked = await look(plain.endpoint, "plain");
    assert.equal(unpacked.packed, false);
    for (const { writes, removals } of [first, jitless, unpacked]) {
      assert.ok(![...writes, ...removals].includes("done"));
    }
    assert.deepEqual(unpacked.seen, first.seen);
    // Without a compiler there is no WebAssembly.
    assert.deepEqual(jitless.seen, {
      ...first.seen,
      globals: first.seen.globals.filter((name) => name !== "WebAssembly"),
    });
  } finally {
    await Promise.all([packed.stop(), plain.stop()]);
  }
});
