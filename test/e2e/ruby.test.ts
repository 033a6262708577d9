/** Ruby functions in real sandboxes. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { GetFunctionConfigurationCommand, type Runtime } from "@aws-sdk/client-lambda";
import { deploy, invoke, lambdaClient } from "../support/deploy.ts";
import { rubyRuntime } from "../support/ruby.ts";
import { startLambent } from "../support/start-lambent.ts";

const CODE = `
require 'json'
require 'logger'
LOGGER = Logger.new($stdout)
def handler(event:, context:)
  raise ArgumentError, 'asked to' if event['fail']
  LOGGER.info('hello from ruby')
  require 'vendored'
  { twice: 2 * event['n'], version: RUBY_VERSION, vendored: VENDORED, arn: context.invoked_function_arn }
end
`;

test("a Ruby function runs, logs and fails as on AWS", { timeout: 120_000 }, async (t) => {
  const runtime = await rubyRuntime(t);
  if (runtime === undefined) return;
  const lambent = await startLambent();
  t.after(() => lambent.stop());
  const lambda = lambdaClient(lambent.endpoint);
  const settings = { Runtime: runtime.identifier as Runtime, Handler: "function.handler" };
  const gems = `vendor/bundle/ruby/${runtime.identifier.slice("ruby".length)}.0`;
  const specification =
    'Gem::Specification.new { |s| s.name = "vendored"; s.version = "1.0"; s.summary = "x"; s.authors = ["x"] }\n';
  const files = {
    "function.rb": CODE,
    [`${gems}/gems/vendored-1.0/lib/vendored.rb`]: "VENDORED = 'from a gem'\n",
    [`${gems}/specifications/vendored-1.0.gemspec`]: specification,
  };
  await deploy(lambda, "ruby", files, settings);
  const good = await invoke(lambda, "ruby", { n: 21 });
  const arn = "arn:aws:lambda:us-east-1:000000000000:function:ruby";
  const expected = { twice: 42, version: runtime.version, vendored: "from a gem", arn };
  assert.deepEqual(good.body, expected, good.log);
  assert.match(good.log, /I, \[.* #\d+\] {2}INFO [-0-9a-f]{36} -- : hello from ruby\n/);
  const failed = await invoke(lambda, "ruby", { fail: true });
  assert.equal(failed.functionError, "Unhandled");
  assert.equal((failed.body as { errorType: string }).errorType, "Function<ArgumentError>");
  assert.match(failed.log, /Error raised from handler method/);

  const { RuntimeVersionConfig } = await lambda.send(
    new GetFunctionConfigurationCommand({ FunctionName: "ruby" }),
  );
  assert.match(
    RuntimeVersionConfig?.RuntimeVersionArn ?? "",
    /^arn:aws:lambda:us-east-1::runtime:[0-9a-f]{64}$/,
  );
  // An older interpreter that stands in is never passed off as the one asked for.
  const isMarked = RuntimeVersionConfig?.Error?.Message?.includes(runtime.version) === true;
  assert.equal(isMarked, runtime.isOlder === true);
  const inBanner = lambent.banner.some((line) =>
    line.includes(`${runtime.identifier} (by ${runtime.version})`),
  );
  assert.equal(inBanner, runtime.isOlder === true);
});
