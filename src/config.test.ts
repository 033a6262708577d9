import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { readConfiguration } from "./config.ts";
import { OperatorError } from "./core/operator-error.ts";

function configurationFile(t: TestContext, content: string): string {
  const directory = mkdtempSync(join(tmpdir(), "lambent-config-"));
  t.after(() => rmSync(directory, { recursive: true }));
  const file = join(directory, "lambent.json");
  writeFileSync(file, content);
  return file;
}

function refusal(action: () => unknown): OperatorError {
  try {
    action();
  } catch (error) {
    assert.ok(error instanceof OperatorError, String(error));
    assert.equal(error.exitCode, 2);
    return error;
  }
  return assert.fail("was accepted");
}

test("defaults: port 4566 on loopback, isolation by what the machine allows, frozen", () => {
  const configuration = readConfiguration({ flags: {}, environment: {} });
  assert.equal(configuration.port, 4566);
  assert.equal(configuration.host, "127.0.0.1");
  assert.equal(configuration.isolation, "auto");
  assert.equal(configuration.accountConcurrency, 1000);
  assert.ok(Object.isFrozen(configuration));
});

test("flags win over variables, variables over the file, the file over defaults", (t) => {
  const file = configurationFile(t, '{"port": 1, "logLevel": "info", "defaultRegion": "eu-west-1"}');
  const configuration = readConfiguration({
    flags: { configurationFile: file, port: "3" },
    environment: { LAMBENT_PORT: "2", LAMBENT_LOG_LEVEL: "debug" },
  });
  assert.equal(configuration.port, 3);
  assert.equal(configuration.logLevel, "debug");
  assert.equal(configuration.defaultRegion, "eu-west-1");
  assert.equal(configuration.maxEnvironments, 1000);
});

test("the file may be named by LAMBENT_CONFIG", (t) => {
  const file = configurationFile(t, '{"allowInstall": false}');
  assert.equal(readConfiguration({ flags: {}, environment: { LAMBENT_CONFIG: file } }).allowInstall, false);
});

test("an unknown setting of the file is refused by its name", (t) => {
  const file = configurationFile(t, '{"prot": 1}');
  const error = refusal(() => readConfiguration({ flags: { configurationFile: file }, environment: {} }));
  assert.match(error.message, /unknown setting prot$/);
  assert.match(error.advice, /port/);
});

test("an unknown LAMBENT_ variable is refused by its name, those of the tests are not", () => {
  const error = refusal(() => readConfiguration({ flags: {}, environment: { LAMBENT_PROT: "1" } }));
  assert.equal(error.message, "unknown environment variable LAMBENT_PROT");
  readConfiguration({ flags: {}, environment: { LAMBENT_NO_SKIP: "1", LAMBENT_TEST_PYTHON: "python3" } });
});

test("a wrong value is refused with the name under which it was written", (t) => {
  const flag = refusal(() => readConfiguration({ flags: { port: "http" }, environment: {} }));
  assert.match(flag.message, /^--port "http": /);
  assert.match(
    refusal(() => readConfiguration({ flags: {}, environment: { LAMBENT_PORT: "" } })).message,
    /^LAMBENT_PORT "": /,
  );
  const variable = refusal(() =>
    readConfiguration({ flags: {}, environment: { LAMBENT_ISOLATION: "docker" } }),
  );
  assert.match(variable.message, /^LAMBENT_ISOLATION "docker": /);
  const file = configurationFile(t, '{"maxEnvironments": 0}');
  const setting = refusal(() => readConfiguration({ flags: { configurationFile: file }, environment: {} }));
  assert.match(setting.message, /^maxEnvironments in .*lambent\.json 0: /);
});

test("a host beyond loopback is refused while signatures are not verified", () => {
  for (const host of ["0.0.0.0", "::", "192.168.1.10", "example.org", "127.evil.example"]) {
    const error = refusal(() => readConfiguration({ flags: { host }, environment: {} }));
    assert.match(error.message, /--host .* can be reached from other machines/);
  }
  for (const host of ["127.0.0.1", "127.0.0.2", "::1", "localhost"])
    assert.equal(readConfiguration({ flags: { host }, environment: {} }).host, host);
  const flags = { host: "0.0.0.0", authentication: "enforced" };
  assert.equal(readConfiguration({ flags, environment: {} }).host, "0.0.0.0");
});

test("a root access key is refused by halves and where it has no meaning", () => {
  const key = { LAMBENT_ROOT_ACCESS_KEY_ID: "AKIAIOSFODNN7EXAMPLE" };
  const secret = { LAMBENT_ROOT_SECRET_ACCESS_KEY: "wJalrXUtnFEMIK7MDENGbPxRfiCYEXAMPLEKEY" };
  const flags = { authentication: "enforced" };
  assert.match(refusal(() => readConfiguration({ flags, environment: key })).message, /belong together/);
  assert.match(
    refusal(() => readConfiguration({ flags: {}, environment: { ...key, ...secret } })).message,
    /no meaning/,
  );
  const configuration = readConfiguration({ flags, environment: { ...key, ...secret } });
  assert.equal(configuration.rootAccessKeyId, key.LAMBENT_ROOT_ACCESS_KEY_ID);
});

test("data-plane processes are none by default, and at most as many as there is room for", () => {
  assert.equal(readConfiguration({ flags: {}, environment: {} }).dataPlaneProcesses, 0);
  const flags = { dataPlaneProcesses: "3" };
  const environment = { LAMBENT_MAX_ENVIRONMENTS: "3" };
  assert.match(
    refusal(() => readConfiguration({ flags, environment })).message,
    /share 3 environments|needs Linux/,
  );
  if (process.platform === "linux")
    assert.equal(readConfiguration({ flags, environment: {} }).dataPlaneProcesses, 3);
  const wrong = { LAMBENT_DATA_PLANE_PROCESSES: "many" };
  assert.match(
    refusal(() => readConfiguration({ flags: {}, environment: wrong })).message,
    /^LAMBENT_DATA_PLANE_PROCESSES /,
  );
});

test("keys for packages in S3 are refused by halves", () => {
  const environment = { LAMBENT_S3_ENDPOINT: "http://127.0.0.1:9000", LAMBENT_S3_ACCESS_KEY_ID: "key" };
  assert.match(refusal(() => readConfiguration({ flags: {}, environment })).message, /belong together/);
  const whole = { ...environment, LAMBENT_S3_SECRET_ACCESS_KEY: "secret" };
  assert.equal(readConfiguration({ flags: {}, environment: whole }).s3Endpoint, "http://127.0.0.1:9000");
  const noUrl = { LAMBENT_S3_ENDPOINT: "127.0.0.1:9000" };
  assert.match(
    refusal(() => readConfiguration({ flags: {}, environment: noUrl })).message,
    /LAMBENT_S3_ENDPOINT .*expected a URL/,
  );
});

test("a file that is missing or not JSON is an operator's error", (t) => {
  const missing = { flags: { configurationFile: "/nowhere/lambent.json" }, environment: {} };
  assert.match(refusal(() => readConfiguration(missing)).message, /cannot be read \(ENOENT\)/);
  const broken = { flags: { configurationFile: configurationFile(t, "port: 1") }, environment: {} };
  assert.match(refusal(() => readConfiguration(broken)).message, /is not JSON/);
});
