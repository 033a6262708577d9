import assert from "node:assert/strict";
import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, type TestContext, test } from "node:test";
import { promisify } from "node:util";
import { startLambent } from "../support/start-lambent.ts";

const PROGRAM = join(import.meta.dirname, "../../bin/lambent.js");
const run = promisify(execFile);

interface Ended {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

async function lambent(...parameters: string[]): Promise<Ended> {
  const ended = await run(process.execPath, [PROGRAM, ...parameters]).catch((error: Ended) => error);
  return { code: "code" in ended ? ended.code : 0, stdout: ended.stdout, stderr: ended.stderr };
}

async function temporaryDirectory(t: TestContext): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), "lambent-cli-"));
  t.after(() => rm(directory, { recursive: true, force: true }));
  return directory;
}

describe("the command line", () => {
  test("version and help answer without starting anything", async () => {
    assert.match((await lambent("version")).stdout, /^\d+\.\d+\.\d+\n$/);
    const help = await lambent("start", "--help");
    assert.equal(help.code, 0);
    for (const flag of [
      "--port",
      "--host",
      "--data-dir",
      "--config",
      "--isolation",
      "--no-install",
      "--log-level",
    ])
      assert.ok(help.stdout.includes(flag), flag);
  });

  test("a wrong flag or value is exit code 2, named, without a stack trace", async () => {
    for (const [parameters, named] of [
      [["start", "--prot", "1"], "--prot"],
      [["start", "--port", "http"], "--port"],
      [["start", "--host", "0.0.0.0"], "0.0.0.0"],
      [["start", "--isolation", "docker"], "--isolation"],
      [["begin"], "begin"],
    ] as const) {
      const { code, stderr } = await lambent(...parameters);
      assert.equal(code, 2, stderr);
      assert.ok(stderr.includes(named), stderr);
      assert.doesNotMatch(stderr, /^\s+at /m);
    }
  });

  test("a port in use is said, with what to do", async (t) => {
    const other = createServer().listen(0, "127.0.0.1");
    await once(other, "listening");
    t.after(() => other.close());
    const { port } = other.address() as AddressInfo;
    const dataDirectory = await temporaryDirectory(t);
    const { code, stderr } = await lambent("start", "--port", String(port), "--data-dir", dataDirectory);
    assert.equal(code, 1);
    assert.match(stderr, /in use/);
    assert.match(stderr, /--port/);
    assert.doesNotMatch(stderr, /^\s+at /m);
  });

  test("health of a Lambent that runs, and of none", async () => {
    const running = await startLambent();
    const { port } = new URL(running.endpoint);
    const { code, stdout } = await lambent("health", "--port", port);
    assert.equal(code, 0);
    const health = JSON.parse(stdout);
    assert.equal(health.status, "ok");
    assert.equal(typeof health.isolation.isolates, "boolean");
    assert.equal(await running.stop(), 0);
    assert.equal((await lambent("health", "--port", port)).code, 1);
  });

  test("/metrics speaks Prometheus's text format", async (t) => {
    const running = await startLambent();
    t.after(() => running.stop());
    const response = await fetch(`${running.endpoint}/metrics`);
    assert.match(response.headers.get("content-type") ?? "", /^text\/plain; version=0\.0\.4/);
    assert.match(await response.text(), /^# TYPE lambent_invocations_total counter$/m);
  });

  test("the ready line is the last of the banner, and Ctrl-C ends with 0 though it arrives twice", async () => {
    const running = await startLambent();
    assert.equal(running.banner.at(-1), `ready ${running.endpoint}`);
    const exited = once(running.process, "exit");
    running.process.kill("SIGINT");
    running.process.kill("SIGINT");
    assert.deepEqual(await exited, [0, null]);
    await running.stop();
  });

  test("a reader of the banner may go away", async (t) => {
    const parameters = [PROGRAM, "start", "--port", "0", "--data-dir", await temporaryDirectory(t)];
    const child = spawn(process.execPath, parameters, { stdio: ["ignore", "pipe", "inherit"] });
    t.after(() => child.kill("SIGKILL"));
    await once(child.stdout, "data");
    child.stdout.destroy();
    child.kill("SIGTERM");
    const [code] = await once(child, "exit");
    assert.equal(code, 0);
  });
});
