/** What a function prints, complains of and records at the same moment, in the order in which it did so. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import type { Runtime } from "@aws-sdk/client-lambda";
import { deploy, invoke, lambdaClient } from "../support/deploy.ts";
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

  test("of Python stand in the order of writing", () => tries("python3.13", { "index.py": PYTHON }));
  test("of Node.js stand in the order of writing", () => tries("nodejs24.x", { "index.js": NODE }));
  test("of Ruby stand in the order of writing", async (t) => {
    const runtime = await rubyRuntime(t);
    if (runtime !== undefined) await tries(runtime.identifier, { "index.rb": RUBY });
  });
});
