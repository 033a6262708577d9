import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import type { Operation } from "../../src/aws-api/protocol/service-model.ts";
import { buildServiceModel } from "../../src/aws-api/protocol/service-model.ts";
import { hasBoto3, runBoto3 } from "../support/boto3.ts";
import { allOperations, sdkServices, startProtocolServer } from "../support/protocol-server.ts";
import { comparable, RandomValues, seededRandom } from "../support/random-values.ts";

const seed = Number(process.env["LAMBENT_TEST_SEED"] ?? Date.now() % 2 ** 31);

/** The same as the round trip of the JS SDK, through a client with a model of its own. */
test(`every operation, boto3 to server and back (LAMBENT_TEST_SEED=${seed})`, async (t) => {
  if (!(await hasBoto3(t))) return;

  const values = new RandomValues(seededRandom(seed));
  const outputs = new Map<string, Operation>();
  let last = {};
  const services = allOperations((operation, input, context) => {
    const model = outputs.get(`${context.responseHeaders["x-test-service"]}:${operation}`);
    const output = (model && values.value(model.output)) ?? {};
    last = { operation, input: comparable(input), output: comparable(output) };
    return output;
  });
  for (const service of services)
    for (const operation of buildServiceModel(service).operations.values())
      outputs.set(`${service.signingName}:${operation.name}`, operation);
  const server = await startProtocolServer(services, {
    validates: false,
    authorize: ({ service, context }) => {
      context.responseHeaders["x-test-service"] = service;
    },
    intercept(request, response) {
      if (request.url !== "/__last") return false;
      response.end(JSON.stringify(last));
      return true;
    },
  });
  try {
    const names = sdkServices.map(({ signingName }) => signingName);
    const script = join(import.meta.dirname, "protocol-boto3.py");
    const parameters = [server.endpoint, String(seed), ...names];
    const results = (await runBoto3(script, { endpoint: server.endpoint, parameters }))
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line) as { operation: string; problem: string | null });
    assert.ok(results.length > 300, `only ${results.length} operations were tried`);
    assert.deepEqual(
      results.filter(({ problem }) => problem !== null),
      [],
    );
    assert.deepEqual(server.logged, []);
  } finally {
    await server.close();
  }
});
