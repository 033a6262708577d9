import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";
import { ManualClock } from "../../test/support/manual-clock.ts";
import type { FunctionVersion } from "../core/function-version.ts";
import type { CodeCache } from "../ports/code-cache.ts";
import type { InstalledRuntime } from "../ports/runtime-catalogue.ts";
import { CodeCachePacks } from "./code-cache-packs.ts";

const VERSION: FunctionVersion = {
  account: "000000000000",
  region: "us-east-1",
  functionName: "f",
  version: "$LATEST",
  deploymentId: "d1",
  runtime: "nodejs24.x",
  handler: "index.handler",
  roleArn: "arn:aws:iam::000000000000:role/r",
  timeoutSeconds: 3,
  memoryMb: 128,
  ephemeralStorageMb: 512,
  environmentVariables: {},
  codeHash: "c".repeat(64),
  unzippedBytes: 60_000,
  logging: { logFormat: "Text", logGroup: "/aws/lambda/f" },
  state: "Active",
  tracingMode: "PassThrough",
};
const RUNTIME: InstalledRuntime = {
  identifier: "nodejs24.x",
  version: "24.0.0",
  versionHash: "a".repeat(64),
  program: { command: ["node"], mounts: [] },
  environmentVariables: {},
  managed: true,
  codeCache: true,
};
const PACK = Buffer.from("a pack");

let kept: Map<string, Uint8Array>;
let clock: ManualClock;
let packs: CodeCachePacks;
beforeEach(() => {
  kept = new Map();
  clock = new ManualClock();
  const cache: CodeCache = {
    sizeBytes: (name) => kept.get(name)?.byteLength,
    read: (name) => Promise.resolve(kept.get(name)),
    store: async (name, pack) => void kept.set(name, pack),
    remove: async (prefix) => {
      for (const name of kept.keys()) if (name.startsWith(prefix)) kept.delete(name);
    },
  };
  packs = new CodeCachePacks({ cache, clock });
});
const told = (version = VERSION, runtime = RUNTIME): string | undefined =>
  packs.offer(version, runtime)?.environmentVariables._LAMBENT_CODE_CACHE;

test("the first environment makes a pack, those beside it nothing, later ones use it", async () => {
  const maker = packs.offer(VERSION, RUNTIME);
  assert.equal(maker?.environmentVariables._LAMBENT_CODE_CACHE, "make");
  assert.equal(told(), undefined);
  assert.equal(await maker.access.store(PACK), true);
  assert.equal(await maker.access.store(Buffer.from("another")), false, "only once");
  assert.equal(await maker.access.read(), undefined, "a maker reads nothing");
  const user = packs.offer(VERSION, RUNTIME);
  assert.equal(user?.environmentVariables._LAMBENT_CODE_CACHE, "use");
  assert.deepEqual(await user.access.read(), PACK);
  assert.equal(await user.access.store(Buffer.from("hostile")), false, "a user changes nothing");
  assert.deepEqual(await user.access.read(), PACK);
});

test("nothing that tells functions, versions, deployments or interpreters apart shares a pack", async () => {
  await packs.offer(VERSION, RUNTIME)?.access.store(PACK);
  for (const other of [
    { account: "111111111111" },
    { region: "eu-west-1" },
    { functionName: "g" },
    { version: "1" },
    { deploymentId: "d2" },
    { codeHash: "e".repeat(64) },
  ])
    assert.equal(told({ ...VERSION, ...other }), "make", JSON.stringify(other));
  assert.equal(told(VERSION, { ...RUNTIME, versionHash: "b".repeat(64) }), "make");
  assert.equal(told(), "use");
});

test("when the maker does not deliver, another environment is told after a while", () => {
  assert.equal(told(), "make");
  clock.advance(62_000);
  assert.equal(told(), undefined);
  clock.advance(2_000);
  assert.equal(told(), "make");
});

test("an empty pack says that none is needed", async () => {
  await packs.offer(VERSION, RUNTIME)?.access.store(new Uint8Array());
  assert.equal(told(), undefined);
});

test("runtimes without packs and functions with options of their own are left alone", () => {
  assert.equal(told(VERSION, { ...RUNTIME, codeCache: undefined }), undefined);
  for (const name of ["NODE_OPTIONS", "AWS_LAMBDA_EXEC_WRAPPER"])
    assert.equal(told({ ...VERSION, environmentVariables: { [name]: "x" } }), undefined);
});

test("a retired deployment keeps no pack, not even one that comes late", async () => {
  await packs.offer(VERSION, RUNTIME)?.access.store(PACK);
  await packs.retire("d1");
  assert.equal(kept.size, 0);
  const late = packs.offer(VERSION, RUNTIME);
  await packs.retire("d1");
  assert.equal(await late?.access.store(PACK), false);
  assert.equal(kept.size, 0);
});
