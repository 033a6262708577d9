import assert from "node:assert/strict";
import { test } from "node:test";
import type { FunctionVersion } from "../core/function-version.ts";
import type { InstalledRuntime } from "../ports/runtime-catalogue.ts";
import { type FunctionSurroundings, mayUseReserve, memoryBucket } from "./reserve-eligibility.ts";

const RUNTIME: InstalledRuntime = {
  identifier: "nodejs24.x",
  version: "24",
  versionHash: "0",
  program: { command: [], mounts: [] },
  environmentVariables: {
    LANG: "en_US.UTF-8",
    NODE_PATH: "/opt/nodejs",
    LD_LIBRARY_PATH: "/lib64",
    PATH: "/bin",
  },
  managed: true,
  reserve: {},
};
const NOTHING_ELSE: FunctionSurroundings = {
  hasExtensions: false,
  hasFileSystems: false,
  keepsScratch: false,
};
const VERSION = { ephemeralStorageMb: 512, environmentVariables: {} } as unknown as FunctionVersion;

const may = (variables: Record<string, string>, surroundings = NOTHING_ELSE, version = VERSION): boolean =>
  mayUseReserve({ ...version, environmentVariables: variables }, RUNTIME, surroundings);

test("a plain function may take a sandbox from the reserve, whatever its own variables say", () => {
  for (const variables of [
    {},
    { TABLE: "orders", TZ: "Europe/Berlin", PATH: "/var/task/bin", AWS_LAMBDA_LOG_FORMAT: "JSON" },
    // What the process was started with is no change.
    { NODE_PATH: "/opt/nodejs", LANG: "en_US.UTF-8" },
    { MY_NODE_OPTIONS: "x", LANGUAGES: "de,en", OLD_LANG: "de" },
  ])
    assert.equal(may(variables), true, JSON.stringify(variables));
});

test("variables that are read when a process starts need the full path", () => {
  for (const name of [
    "AWS_LAMBDA_EXEC_WRAPPER",
    "NODE_OPTIONS",
    "NODE_EXTRA_CA_CERTS",
    "NODE_PATH",
    "PYTHONPATH",
    "PYTHONHASHSEED",
    "LD_PRELOAD",
    "LD_LIBRARY_PATH",
    "JAVA_TOOL_OPTIONS",
    "JDK_JAVA_OPTIONS",
    "_JAVA_OPTIONS",
    "RUBYOPT",
    "GEM_PATH",
    "DOTNET_gcServer",
    "LANG",
    "LC_ALL",
    "GLIBC_TUNABLES",
    "MALLOC_ARENA_MAX",
    "OPENSSL_CONF",
    "SSL_CERT_FILE",
    "UV_THREADPOOL_SIZE",
  ])
    assert.equal(may({ [name]: "changed" }), false, name);
});

test("extensions, mounted file systems and another size of /tmp need the full path", () => {
  assert.equal(may({}, { ...NOTHING_ELSE, hasExtensions: true }), false);
  assert.equal(may({}, { ...NOTHING_ELSE, hasFileSystems: true }), false);
  assert.equal(may({}, NOTHING_ELSE, { ...VERSION, ephemeralStorageMb: 1_024 }), false);
});

test("a runtime whose program cannot wait is started when it is needed", () => {
  assert.equal(mayUseReserve(VERSION, { ...RUNTIME, reserve: undefined }, NOTHING_ELSE), false);
});

test("a program whose settings depend on the memory waits for exactly that; others serve all sizes", () => {
  assert.equal(memoryBucket(RUNTIME, 3_008), "any");
  const java = { ...RUNTIME, reserve: { byMemory: true } };
  assert.equal(memoryBucket(java, 512), 512);
  assert.equal(memoryBucket(java, 1_769), 1_769);
});
