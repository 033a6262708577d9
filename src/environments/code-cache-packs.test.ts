import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";
import { ManualClock } from "../../test/support/manual-clock.ts";
import type { FunctionVersion } from "../core/function-version.ts";
import type { CodeCache } from "../ports/code-cache.ts";
import type { InstalledRuntime } from "../ports/runtime-catalogue.ts";
import { CodeCachePacks, packPrefix } from "./code-cache-packs.ts";
import { PackDesk } from "./pack-desk.ts";

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
const holding = (code: Uint8Array, preloads = false) => ({ code, preloads });

let kept: Map<string, Uint8Array>;
let clock: ManualClock;
let desk: PackDesk;
let packs: CodeCachePacks;
beforeEach(() => {
  kept = new Map();
  clock = new ManualClock();
  const cache: CodeCache = {
    use: (name) => kept.get(name)?.byteLength,
    read: (name) => Promise.resolve(kept.get(name)),
    store: async (name, pack) => void kept.set(name, pack),
    adopt: async (name, unfinished) => void kept.set(name, Buffer.from(unfinished)),
    remove: async (prefix) => {
      for (const name of kept.keys()) if (name.startsWith(prefix)) kept.delete(name);
    },
  };
  desk = new PackDesk({ cache, clock });
  packs = new CodeCachePacks(desk.own());
});
const told = async (version = VERSION, runtime = RUNTIME): Promise<string | undefined> =>
  (await packs.offer(version, runtime))?.environmentVariables._LAMBENT_CODE_CACHE;

const offered = async (version: FunctionVersion, runtime = RUNTIME): Promise<unknown[]> => {
  const offer = await packs.offer(version, runtime);
  return [offer?.environmentVariables._LAMBENT_CODE_CACHE, offer?.preloads];
};

test("the first environment makes a pack, those beside it nothing, later ones use it", async () => {
  const maker = await packs.offer(VERSION, RUNTIME);
  assert.equal(maker?.environmentVariables._LAMBENT_CODE_CACHE, "make");
  assert.equal(await told(), undefined);
  assert.equal(await maker.access?.store(holding(PACK)), true);
  assert.equal(await maker.access?.store(holding(Buffer.from("another"))), false, "only once");
  assert.equal(await maker.access?.read(), undefined, "a maker reads nothing");
  const user = await packs.offer(VERSION, RUNTIME);
  assert.equal(user?.environmentVariables._LAMBENT_CODE_CACHE, "use");
  assert.deepEqual(await user.access?.read(), PACK);
  assert.equal(await user.access?.store(holding(Buffer.from("hostile"))), false, "a user changes nothing");
  assert.deepEqual(await user.access?.read(), PACK);
});

test("nothing that tells functions, versions, deployments or interpreters apart shares a pack", async () => {
  await (await packs.offer(VERSION, RUNTIME))?.access?.store(holding(PACK));
  for (const other of [
    { account: "111111111111" },
    { region: "eu-west-1" },
    { functionName: "g" },
    { version: "1" },
    { deploymentId: "d2" },
    { codeHash: "e".repeat(64) },
  ])
    assert.equal(await told({ ...VERSION, ...other }), "make", JSON.stringify(other));
  assert.equal(await told(VERSION, { ...RUNTIME, versionHash: "b".repeat(64) }), "make");
  assert.equal(await told(), "use");
});

test("when the maker does not deliver, another environment is told after a while", async () => {
  assert.equal(await told(), "make");
  clock.advance(62_000);
  assert.equal(await told(), undefined);
  clock.advance(2_000);
  assert.equal(await told(), "make");
});

test("an empty pack says that none is needed", async () => {
  await (await packs.offer(VERSION, RUNTIME))?.access?.store(holding(new Uint8Array()));
  assert.equal(await told(), undefined);
});

test("what an environment has loaded decides which waiting program the next ones of its deployment take", async () => {
  const maker = await packs.offer(VERSION, RUNTIME);
  assert.equal(maker?.preloads, false);
  await maker.access?.store(holding(PACK, true));
  assert.deepEqual(await offered(VERSION), ["use", true]);
  assert.deepEqual(await offered({ ...VERSION, deploymentId: "d2" }), ["make", false]);
  await desk.retire("d1");
  assert.deepEqual(await offered(VERSION), ["make", false]);
  assert.equal(kept.size, 0);
});

test("a function that is too small for a pack reports what it loads, where that makes a difference", async () => {
  const small = { ...VERSION, unzippedBytes: 300 };
  assert.equal(await packs.offer(small, RUNTIME), undefined);
  const preloading = { ...RUNTIME, reserve: { preloads: true } };
  const reporter = await packs.offer(small, preloading);
  assert.equal(reporter?.environmentVariables._LAMBENT_CODE_CACHE, "report");
  assert.equal(await packs.offer(small, preloading), undefined, "one of them is enough");
  await reporter.access?.store(holding(new Uint8Array(), true));
  assert.deepEqual(await offered(small, preloading), [undefined, true]);
  assert.deepEqual(await offered({ ...small, version: "1" }, preloading), ["report", false]);
  const shared = { ...RUNTIME, reserve: { preloads: true, zygote: true, forkedPreload: true } };
  assert.equal(await packs.offer({ ...small, version: "2" }, shared), undefined, "all have loaded it");
});

test("with a library that is packed even the smallest function has a pack, one for each installation of it", async () => {
  const small = { ...VERSION, unzippedBytes: 300 };
  const library = { ...RUNTIME, library: "/sdk-1", packsLibrary: true };
  assert.deepEqual(await offered(small, library), ["make", false], "its size is not known");
  assert.deepEqual(await offered(small, { ...library, library: "/sdk-2" }), ["make", false]);
});

test("runtimes without packs and functions with options of their own are left alone", async () => {
  assert.equal(await told(VERSION, { ...RUNTIME, codeCache: undefined }), undefined);
  for (const name of ["NODE_OPTIONS", "AWS_LAMBDA_EXEC_WRAPPER"])
    assert.equal(await told({ ...VERSION, environmentVariables: { [name]: "x" } }), undefined);
});

test("a retired deployment keeps no pack, not even one that comes late", async () => {
  await (await packs.offer(VERSION, RUNTIME))?.access?.store(holding(PACK));
  await desk.retire("d1");
  assert.equal(kept.size, 0);
  const late = await packs.offer(VERSION, RUNTIME);
  await desk.retire("d1");
  assert.equal(await late?.access?.store(holding(PACK)), false);
  assert.equal(kept.size, 0);
});

test("of several processes one makes the pack, and what another one sends is not kept", async () => {
  const holder = {};
  const claim = { name: `${packPrefix("d1")}1`, patienceMs: 60_000 };
  assert.equal(desk.claim(holder, claim).task, "make");
  assert.equal(desk.claim({}, claim).task, "nothing");
  const pack = { name: claim.name, preloads: false, unfinished: "1.1.unfinished" };
  assert.equal(await desk.adopt({}, pack), false);
  assert.equal(await desk.adopt(holder, { ...pack, name: `${packPrefix("d2")}1` }), false);
  assert.equal(kept.size, 0);
  assert.equal(await desk.adopt(holder, pack), true);
  assert.equal(await desk.adopt(holder, pack), false, "only once");
  assert.equal(desk.claim({}, claim).task, "use");

  const other = { ...claim, name: `${packPrefix("d3")}1` };
  assert.equal(desk.claim(holder, other).task, "make");
  desk.ended(holder);
  assert.equal(desk.claim({}, other).task, "make", "a process that has ended is not waited for");
});
