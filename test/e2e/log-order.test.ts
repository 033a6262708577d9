/** What a function prints, complains of and records at the same moment, in the order in which it did so. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { CloudWatchLogsClient, paginateFilterLogEvents } from "@aws-sdk/client-cloudwatch-logs";
import type { Runtime } from "@aws-sdk/client-lambda";
import { clientConfiguration, deploy, invoke, lambdaClient } from "../support/deploy.ts";
import { rubyRuntime } from "../support/ruby.ts";
import { type RunningLambent, startLambent } from "../support/start-lambent.ts";

const ROUNDS = 6;
const INVOCATIONS = 5;

const PYTHON = `
import logging, subprocess, sys
logger = logging.getLogger()
def handler(event, context):
    for at in range(${ROUNDS}):
        print("%d printed" % at)
        logger.warning("%d recorded" % at)
        sys.stderr.write("%d complained\\n" % at)
        subprocess.run(["echo", "%d by another program" % at])
`;
const NODE = `
const { spawnSync } = require("node:child_process");
exports.handler = async () => {
  for (let at = 0; at < ${ROUNDS}; at++) {
    process.stdout.write(at + " printed\\n");
    console.log("%d recorded", at);
    process.stderr.write(at + " complained\\n");
    spawnSync("echo", [at + " by another program"], { stdio: "inherit" });
  }
};
`;
const RUBY = `
require 'logger'
LOGGER = Logger.new($stdout)
def handler(event:, context:)
  ${ROUNDS}.times do |at|
    puts "#{at} printed"
    LOGGER.warn("#{at} recorded")
    warn "#{at} complained"
    system('echo', "#{at} by another program")
  end
  nil
end
`;
const WANTED = Array.from({ length: ROUNDS }, (_, at) =>
  ["printed", "recorded", "complained", "by another program"].map((what) => `${at} ${what}`),
).flat();

/** Records of 30 KB while another program prints: more than their pipe holds. */
const RECORDS = 20;
const LINES = 10_000;
const LONG_PYTHON = `
import logging, subprocess
logger = logging.getLogger()
def handler(event, context):
    other = subprocess.Popen(["sh", "-c", "yes 'by another program' | head -n ${LINES}"])
    for at in range(${RECORDS}):
        logger.warning("record %02d%s" % (at, ("%02d" % at) * 15000))
    other.wait()
`;
const LONG_NODE = `
const { spawn } = require("node:child_process");
exports.handler = async () => {
  const other = spawn("sh", ["-c", "yes 'by another program' | head -n ${LINES}"], { stdio: "inherit" });
  const ended = new Promise((resolve) => other.once("exit", resolve));
  await new Promise((resolve) => setTimeout(resolve, 20));
  for (let at = 10; at < 10 + ${RECORDS}; at++) {
    console.log("record " + at + String(at).repeat(15000));
  }
  await ended;
};
`;
const LONG_RUBY = `
require 'logger'
LOGGER = Logger.new($stdout)
def handler(event:, context:)
  other = spawn('sh', '-c', "yes 'by another program' | head -n ${LINES}")
  (10...${10 + RECORDS}).each { |at| LOGGER.warn("record #{at}#{at.to_s * 15_000}") }
  Process.wait(other)
  nil
end
`;

describe("lines of the log", { timeout: 300_000 }, () => {
  let lambent: RunningLambent;
  before(async () => {
    lambent = await startLambent();
  });
  after(() => lambent.stop());

  async function tries(runtime: string, files: Record<string, string>): Promise<void> {
    const lambda = lambdaClient(lambent.endpoint);
    const name = runtime.replace(/\W/g, "");
    await deploy(lambda, name, files, { Runtime: runtime as Runtime, Handler: "index.handler" });
    for (let round = 0; round < INVOCATIONS; round++) {
      const { log, functionError } = await invoke(lambda, name);
      assert.equal(functionError, undefined, log);
      const written = [...log.matchAll(/\d (?:printed|recorded|complained|by another program)$/gm)].map(
        String,
      );
      assert.deepEqual(written, WANTED, log);
    }
  }

  const newestPython = (): string => {
    const [newest] = [...lambent.banner.join(" ").matchAll(/python3[.]\d+/g)].map(String).slice(-1);
    return newest ?? assert.fail("no Python on this machine");
  };
  test("of Python stand in the order of writing", () => tries(newestPython(), { "index.py": PYTHON }));
  test("of Node.js stand in the order of writing", () => tries("nodejs24.x", { "index.js": NODE }));
  async function untilReported(functionName: string): Promise<string[]> {
    const client = new CloudWatchLogsClient(clientConfiguration(lambent.endpoint));
    for (;;) {
      const lines: string[] = [];
      for await (const { events } of paginateFilterLogEvents(
        { client },
        { logGroupName: `/aws/lambda/${functionName}` },
      ))
        lines.push(...(events ?? []).map(({ message }) => message ?? ""));
      if (lines.some((line) => line.startsWith("REPORT"))) return lines;
      await delay(100);
    }
  }

  async function staysWhole(runtime: string, files: Record<string, string>): Promise<void> {
    const lambda = lambdaClient(lambent.endpoint);
    const name = `long${runtime.replace(/\W/g, "")}`;
    const settings = {
      Runtime: runtime as Runtime,
      Handler: "index.handler",
      MemorySize: 1_769,
      Timeout: 60,
    };
    await deploy(lambda, name, files, settings);
    const { functionError, body } = await invoke(lambda, name);
    assert.equal(functionError, undefined, JSON.stringify(body));
    const lines = await untilReported(name);
    const records = lines.filter((line) => line.includes("record "));
    assert.equal(records.length, RECORDS);
    for (const record of records) assert.match(record, /record (\d\d)(\1){15000}\n?$/);
    assert.equal(lines.filter((line) => line.trimEnd() === "by another program").length, LINES);
  }

  test("records of Node.js above 4 KB stay whole while another program prints", () =>
    staysWhole("nodejs24.x", { "index.js": LONG_NODE }));
  test("records of Python above 4 KB stay whole while another program prints", () =>
    staysWhole("python3.13", { "index.py": LONG_PYTHON }));
  test("records of Ruby above 4 KB stay whole while another program prints", async (t) => {
    const runtime = await rubyRuntime(t);
    if (runtime !== undefined) await staysWhole(runtime.identifier, { "index.rb": LONG_RUBY });
  });
  test("of Ruby stand in the order of writing", async (t) => {
    const runtime = await rubyRuntime(t);
    if (runtime !== undefined) await tries(runtime.identifier, { "index.rb": RUBY });
  });
});
