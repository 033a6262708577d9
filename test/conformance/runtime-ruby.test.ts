/** Our Ruby client against a scripted Runtime API; expectations from AWS's client for Ruby, aws_lambda_ric 3. */
import assert from "node:assert/strict";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, type TestContext, test } from "node:test";
import { type RubyClient, rubyClients } from "../support/ruby-clients.ts";
import { FUNCTION_CONTEXT, FUNCTION_VARIABLES } from "../support/runtime-clients.ts";
import { RuntimeProcess } from "../support/runtime-process.ts";
import { type Answer, ScriptedRuntimeApi } from "../support/scripted-runtime-api.ts";

const LIMIT = { timeout: 60_000 };

const CASES = `
require 'logger'
$count = 0
def echo(event:, context:) = event
def nothing(event:, context:) = nil
def counter(event:, context:) = ($count += 1)
def trace(event:, context:) = ENV['_X_AMZN_TRACE_ID']
def raises(event:, context:)
  raise ArgumentError, 'it broke: ü'
end
class Mine < StandardError; end
def own_error(event:, context:)
  raise Mine, 'mine'
end
def not_json(event:, context:) = Float::NAN
def leaves(event:, context:) = exit(3)
def raw(event:, context:)
  require 'stringio'
  StringIO.new('raw text')
end
def prints(event:, context:)
  $stdout.puts 'plain output'
  print "no line end"
end
def logs(event:, context:)
  puts "first line\\nsecond line"
  logger = Logger.new($stdout)
  logger.debug('quiet')
  logger.warn('told')
  begin
    raise ArgumentError, 'inner'
  rescue ArgumentError => e
    logger.error(e)
  end
end
def sees(event:, context:)
  { variables: ENV.keys.grep(/LAMBENT|NODE_CHANNEL|TELEMETRY/), sockets: Dir.glob('/proc/self/fd/*').count { |fd| File.basename(fd).to_i > 2 && File.symlink?(fd) && File.readlink(fd).start_with?('socket:') },
    mine: ENV['MINE'], directory: Dir.pwd }
end
def context(event:, context:)
  { requestId: context.aws_request_id, functionName: context.function_name, functionVersion: context.function_version,
    memory: context.memory_limit_in_mb, arn: context.invoked_function_arn, logGroup: context.log_group_name,
    logStream: context.log_stream_name, remaining: context.get_remaining_time_in_millis,
    custom: context.client_context['custom']['greeting'], identity: context.identity&.fetch('cognitoIdentityId') }
end
class Handlers
  def self.process(event:, context:) = 'class'
end
module Outer
  class Inner
    def self.process(event:, context:) = 'namespaced'
  end
end
`;

const directory = await mkdtemp(join(tmpdir(), "lambent-ruby-"));
after(() => rm(directory, { recursive: true, force: true }));
await writeFile(join(directory, "cases.rb"), CASES);
await writeFile(join(directory, "bad_init.rb"), "raise IndexError, 'init broke'\n");
await writeFile(join(directory, "bad_syntax.rb"), "def handler(event:, context:\n");
await writeFile(join(directory, "bad_require.rb"), "require 'no_such_library'\n");
await mkdir(join(directory, "sub"));
await writeFile(join(directory, "sub", "deep.rb"), "def deep(event:, context:) = 'deep'\n");

const json = (answer: Answer) => JSON.parse(answer.body.toString("utf8"));

/** With the word that a test's name has for it: both ways to speak to the platform. */
const WAYS = [
  ["over HTTP", false],
  ["in frames", true],
] as const;

/** The test of each Ruby. */
interface RubyTest {
  readonly t: TestContext;
  readonly ruby: RubyClient;
}

const rubies = await rubyClients();

function testEach(name: string, run: (tested: RubyTest) => Promise<void>): void {
  for (const ruby of rubies) test(`${ruby.name}: ${name}`, LIMIT, (t) => run({ t, ruby }));
}

interface Running {
  readonly api: ScriptedRuntimeApi;
  readonly process: RuntimeProcess;
}

async function withRuby(
  { t, ruby }: RubyTest,
  handler: string,
  use: (running: Running) => Promise<void>,
  {
    variables = {},
    inFrames = false,
  }: { variables?: Readonly<Record<string, string>>; inFrames?: boolean } = {},
): Promise<void> {
  const command = await ruby.command(t);
  if (command === undefined) return;
  const api = await ScriptedRuntimeApi.start({ takesFrames: inFrames });
  const process = new RuntimeProcess({
    command,
    cwd: directory,
    environmentVariables: {
      ...FUNCTION_VARIABLES,
      AWS_LAMBDA_RUNTIME_API: api.address,
      LAMBDA_TASK_ROOT: directory,
      _HANDLER: handler.includes(".") ? handler : `cases.${handler}`,
      ...variables,
    },
  });
  try {
    await use({ api, process });
  } finally {
    await process.stop();
    api.close();
  }
}

for (const [way, inFrames] of WAYS) {
  testEach(`events, results and counters go through one process ${way}`, (tested) =>
    withRuby(
      tested,
      "echo",
      async ({ api }) => {
        const event = {
          text: 'grüße 東京 🚀 "quoted"',
          list: [1, 2.5, null, true],
          big: "x".repeat(6_000_000),
        };
        assert.deepEqual(json(await api.invoke({ payload: JSON.stringify(event) })), event);
        assert.deepEqual(json(await api.invoke({ payload: "[]" })), []);
        assert.equal(api.connections, 1);
      },
      { inFrames },
    ),
  );

  testEach(`a connection that was closed meanwhile is opened again ${way}`, (tested) =>
    withRuby(
      tested,
      "counter",
      async ({ api }) => {
        assert.equal(json(await api.invoke({ payload: "{}" })), 1);
        await api.waiting();
        api.dropConnections();
        await api.waiting();
        assert.equal(json(await api.invoke({ payload: "{}" })), 2);
        assert.equal(api.connections, 2);
      },
      { inFrames },
    ),
  );

  testEach(`an exception is reported ${way}, and the process goes on unless it must end`, async (tested) => {
    await withRuby(
      tested,
      "raises",
      async ({ api }) => {
        for (let round = 0; round < 2; round++) {
          const { kind, body, headers } = await api.invoke({ payload: "{}" });
          assert.equal(kind, "error");
          assert.equal(JSON.parse(body.toString()).errorMessage, "it broke: ü");
          assert.equal(headers["lambda-runtime-function-error-type"], "Function<ArgumentError>");
        }
      },
      { inFrames },
    );
    const leave = async ({ api, process }: Running): Promise<void> => {
      assert.equal(json(await api.invoke({ payload: "{}" })).errorType, "Function<SystemExit>");
      assert.equal((await process.exited).code, 255);
    };
    await withRuby(tested, "leaves", leave, { inFrames });
  });
}

testEach(
  "handlers may be methods, class methods, namespaced ones, and lie in directories",
  async (tested) => {
    for (const [handler, expected] of [
      ["cases.nothing", null],
      ["cases.counter", 1],
      ["cases.Handlers.process", "class"],
      ["cases.Outer::Inner.process", "namespaced"],
      ["sub/deep.deep", "deep"],
    ] as const) {
      await withRuby(tested, handler, async ({ api }) => {
        assert.equal(json(await api.invoke({ payload: "{}" })), expected, handler);
      });
    }
  },
);

for (const [way, inFrames] of WAYS)
  testEach(`the context has AWS's methods ${way}`, (tested) => {
    const check = async ({ api }: Running): Promise<void> => {
      const answer = await api.invoke({
        payload: "{}",
        headers: {
          // UTF-8, as the platform sends it.
          "Lambda-Runtime-Client-Context": Buffer.from('{"custom":{"greeting":"grüß"}}').toString("latin1"),
          "Lambda-Runtime-Cognito-Identity": '{"cognitoIdentityId":"id-1"}',
        },
      });
      const { remaining, ...rest } = json(answer);
      assert.ok(remaining > 0 && remaining <= 60_000);
      assert.deepEqual(rest, {
        requestId: answer.requestId,
        ...FUNCTION_CONTEXT,
        custom: "grüß",
        // The platform has no callers of Cognito; frames have no place for them.
        identity: inFrames ? null : "id-1",
      });
    };
    return withRuby(tested, "context", check, { inFrames });
  });

testEach("the trace id is that of the invocation", (tested) =>
  withRuby(tested, "trace", async ({ api }) => {
    const headers = { "Lambda-Runtime-Trace-Id": "Root=1-2-3" };
    assert.equal(json(await api.invoke({ payload: "{}", headers })), "Root=1-2-3");
    assert.equal(json(await api.invoke({ payload: "{}" })), null);
  }),
);

testEach("an exception is reported as Function<Class>, and the process goes on", async (tested) => {
  await withRuby(tested, "raises", async ({ api }) => {
    for (let round = 0; round < 2; round++) {
      const answer = await api.invoke({ payload: "{}" });
      const { errorType, errorMessage, stackTrace } = json(answer);
      assert.deepEqual([errorType, errorMessage], ["Function<ArgumentError>", "it broke: ü"]);
      assert.equal(stackTrace.length, 1);
      assert.match(stackTrace[0], /cases[.]rb:\d+:in [`'].*raises'$/);
      assert.equal(answer.headers["lambda-runtime-function-error-type"], "Function<ArgumentError>");
    }
  });
  await withRuby(tested, "own_error", async ({ api }) => {
    const answer = await api.invoke({ payload: "{}" });
    assert.equal(json(answer).errorType, "Function<Mine>");
    assert.equal(answer.headers["lambda-runtime-function-error-type"], "Function<UserException>");
  });
  await withRuby(tested, "not_json", async ({ api }) => {
    assert.equal(json(await api.invoke({ payload: "{}" })).errorType, "Function<JSON::GeneratorError>");
  });
});

testEach("a missing method and an exit are reported before the process ends", async (tested) => {
  for (const [handler, type] of [
    ["cases.absent", "Function<NoMethodError>"],
    ["cases.Absent.process", "Function<NameError>"],
    ["cases.leaves", "Function<SystemExit>"],
  ] as const) {
    await withRuby(tested, handler, async ({ api, process }) => {
      assert.equal(json(await api.invoke({ payload: "{}" })).errorType, type);
      assert.equal((await process.exited).code, 255);
    });
  }
});

testEach("what fails while loading is the initialisation's error", async (tested) => {
  for (const [handler, type, message] of [
    ["bad_init.handler", "Init<IndexError>", /init broke/],
    ["bad_syntax.handler", "Init<SyntaxError>", /bad_syntax/],
    ["bad_require.handler", "Init<LoadError>", /no_such_library/],
    ["absent.handler", "Init<LoadError>", /absent/],
    ["nodot", "Init<ArgumentError>", /must be of form FILENAME.METHOD/],
  ] as const) {
    await withRuby(
      tested,
      handler,
      async ({ api, process }) => {
        const answer = await api.initError;
        assert.equal(json(answer).errorType, type);
        assert.match(json(answer).errorMessage, message);
        assert.equal((await process.exited).code, 252);
      },
      { variables: { _HANDLER: handler } },
    );
  }
});

testEach("an IO is answered as it is", (tested) =>
  withRuby(tested, "raw", async ({ api }) => {
    const answer = await api.invoke({ payload: "{}" });
    assert.deepEqual(
      [answer.body.toString(), answer.headers["content-type"]],
      ["raw text", "application/unknown"],
    );
  }),
);

testEach("printed text goes to standard output before the answer", (tested) =>
  withRuby(tested, "prints", async ({ api, process }) => {
    await api.invoke({ payload: "{}" });
    process.child.kill("SIGKILL");
    assert.equal(await process.stdout, "plain output\nno line end");
  }),
);

testEach("Logger and puts write records in AWS's text format", (tested) =>
  withRuby(tested, "logs", async ({ api, process }) => {
    const { requestId } = await api.invoke({ payload: "{}" });
    process.child.kill("SIGKILL");
    const records = await process.telemetry();
    const [put, debug, warn, error] = records;
    assert.equal(records.length, 4);
    assert.equal(put?.text, "first line\nsecond line\n");
    const line = (level: string, rest: string) =>
      new RegExp(`^${level[0]}, \\[[-\\dT:.]+ #\\d+\\] ${level.padStart(5)} ${requestId} -- : ${rest}`);
    assert.match(debug?.text ?? "", line("DEBUG", "quiet\n$"));
    assert.match(warn?.text ?? "", line("WARN", "told\n$"));
    assert.match(error?.text ?? "", line("ERROR", "inner \\(ArgumentError\\)"));
    assert.deepEqual([put?.type, warn?.type], [0xa55a0003, 0xa55a0013]);
  }),
);

testEach("JSON format and log level are the function's logging configuration", (tested) =>
  withRuby(
    tested,
    "logs",
    async ({ api, process }) => {
      const { requestId } = await api.invoke({ payload: "{}" });
      process.child.kill("SIGKILL");
      const [put, warn, error, ...others] = await process.telemetry();
      assert.deepEqual(others, []);
      assert.equal(put?.text, "first line\nsecond line\n");
      const { timestamp, ...told } = JSON.parse(warn?.text ?? "");
      assert.match(timestamp, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[.]\d{6}Z$/);
      assert.deepEqual(told, { level: "WARN", message: "told", requestId });
      const { level, errorType, errorMessage, location, stackTrace } = JSON.parse(error?.text ?? "");
      assert.deepEqual([level, errorType, errorMessage], ["ERROR", "ArgumentError", "inner"]);
      assert.match(location, /cases[.]rb:.*logs:\d+$/);
      assert.ok(stackTrace.length > 0);
      assert.equal(warn?.type, 0xa55a0012);
    },
    { variables: { AWS_LAMBDA_LOG_FORMAT: "JSON", AWS_LAMBDA_LOG_LEVEL: "WARN" } },
  ),
);

testEach("the exec wrapper gets the runtime's command line and starts it again", async (tested) => {
  const wrapper = join(directory, "wrapper");
  await writeFile(wrapper, '#!/bin/sh\nexport MINE="wrapped $(basename "$1") $#"\nexec "$@"\n', {
    mode: 0o755,
  });
  await withRuby(
    tested,
    "sees",
    async ({ api }) => {
      const seen = json(await api.invoke({ payload: "{}" }));
      assert.match(seen.mine, /^wrapped ruby[\d.]* 3$/);
      assert.deepEqual(seen.variables, []);
    },
    { variables: { AWS_LAMBDA_EXEC_WRAPPER: wrapper } },
  );
  await withRuby(
    tested,
    "sees",
    async ({ process }) => {
      assert.equal((await process.exited).code, 127);
      assert.match(await process.stderr, /no-such-wrapper: No such file/);
    },
    { variables: { AWS_LAMBDA_EXEC_WRAPPER: "/no-such-wrapper" } },
  );
});
