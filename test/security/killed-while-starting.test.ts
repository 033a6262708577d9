import { test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { deploy, invoke, lambdaClient } from "../support/deploy.ts";
import { untilNothingLeft } from "../support/leftovers.ts";
import { startLambent } from "../support/start-lambent.ts";

const ROUNDS = 5;
const CALLERS = 12;
/** In this time sandboxes of all stages stand beside each other. */
const STARTING_MS = 250;

test("kill -9 while sandboxes are being built leaves nothing behind", {
  timeout: 240_000,
}, async () => {
  for (let round = 0; round < ROUNDS; round++) {
    const lambent = await startLambent();
    const lambda = lambdaClient(lambent.endpoint);
    await deploy(lambda, "hello", { "index.js": "exports.handler = async () => 1;" });
    for (let caller = 0; caller < CALLERS; caller++) invoke(lambda, "hello").catch(() => undefined);
    await delay((STARTING_MS * (round + Math.random())) / ROUNDS);
    await lambent.kill();
    lambda.destroy();
    await untilNothingLeft(lambent.dataDirectory);
  }
});
