import assert from "node:assert/strict";
import { test } from "node:test";
import { readConfiguration } from "../config.ts";
import { banner } from "./banner.ts";

const isolating = {
  driver: "bubblewrap",
  isolates: true,
  summary: "bubblewrap 0.8, as root, cgroup v2",
  limits: { memory: true, cpu: true, processes: true },
  network: { policy: "internet", summary: "internet: public addresses" },
  advice: [],
} as const;

function lines(changes: Partial<Parameters<typeof banner>[0]> = {}): string[] {
  return banner({
    version: "0.1.0",
    endpoint: "http://127.0.0.1:4566",
    isolation: isolating,
    runtimes: ["nodejs24.x", "python3.12"],
    configuration: readConfiguration({ flags: { dataDirectory: "/data" }, environment: {} }),
    rootCredentialsFile: undefined,
    ...changes,
  });
}

test("the last line is exactly the ready line", () => {
  assert.equal(lines().at(-1), "ready http://127.0.0.1:4566");
  assert.equal(lines().filter((line) => line.startsWith("ready ")).length, 1);
});

test("shows endpoint, data directory, isolation, runtimes and the next command", () => {
  assert.deepEqual(lines(), [
    "Lambent 0.1.0",
    "  endpoint   http://127.0.0.1:4566",
    "  data       /data",
    "  isolation  bubblewrap 0.8, as root, cgroup v2",
    "  network    internet: public addresses",
    "  runtimes   nodejs24.x python3.12",
    "  access     open: no signatures needed, this machine only",
    "  next       export AWS_ENDPOINT_URL=http://127.0.0.1:4566",
    "             export AWS_DEFAULT_REGION=us-east-1 AWS_ACCESS_KEY_ID=any AWS_SECRET_ACCESS_KEY=any",
    "             aws lambda list-functions",
    "ready http://127.0.0.1:4566",
  ]);
});

test("with enforced authentication it names the file with the root user's key", () => {
  const flags = { dataDirectory: "/data", authentication: "enforced" };
  const text = lines({
    configuration: readConfiguration({ flags, environment: {} }),
    rootCredentialsFile: "/data/root-credentials",
  }).join("\n");
  assert.match(text, / access +enforced: .*\n/);
  assert.match(text, /AWS_SHARED_CREDENTIALS_FILE=\/data\/root-credentials\n/);
});

test("the fallback says that it does not isolate, and how to mend it", () => {
  const isolation = {
    ...isolating,
    isolates: false,
    summary: "plain processes",
    advice: ["apt-get install bubblewrap"],
  };
  const text = lines({ isolation }).join("\n");
  assert.match(
    text,
    /plain processes\n +WARNING: functions are NOT isolated.*\n +apt-get install bubblewrap\n/,
  );
});

test("a long summary is broken where it has semicolons", () => {
  const clause = "namespaces, read-only root, seccomp, and whatever else is in force on this machine";
  const summary = `bubblewrap; as root; ${clause}; no limits`;
  const text = lines({ isolation: { ...isolating, summary } }).join("\n");
  assert.ok(
    text.includes(`  isolation  bubblewrap; as root\n             ${clause}; no limits\n  network`),
    text,
  );
});
