/** A function cannot tell whether its environment was waiting for it, and meets nothing of another function there. */
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { after, before, describe, type TestContext, test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { CloudWatchLogsClient, FilterLogEventsCommand } from "@aws-sdk/client-cloudwatch-logs";
import type { CreateFunctionCommandInput, LambdaClient } from "@aws-sdk/client-lambda";
import { clientConfiguration, deploy, invoke, lambdaClient, publishLayer, zipOf } from "../support/deploy.ts";
import { skipUnless } from "../support/skip.ts";
import { type RunningLambent, startLambent } from "../support/start-lambent.ts";

const NODE_LOOK = `
const fs = require("node:fs");
const links = (directory) => fs.readdirSync(directory).map((name) => { try { return fs.readlinkSync(directory + "/" + name).replace(/[0-9a-f]{8,}|\\[\\d+\\]/g, ""); } catch { return ""; } }).sort();
let count = 0;
exports.handler = async (event, context) => ({
  seen: {
    environment: process.env, directory: process.cwd(), parameters: [process.argv, process.execArgv, process.title],
    descriptors: links("/proc/self/fd"), user: [process.getuid(), process.getgid()],
    loaded: Object.keys(require.cache), paths: module.paths, globalPaths: require("node:module").globalPaths,
    globals: Object.getOwnPropertyNames(globalThis).sort(), events: process.eventNames().map(String).sort(), own: Object.getOwnPropertyNames(process).sort(),
    context: Object.keys(context).sort(), tmp: fs.readdirSync("/tmp"), time: new Date(0).toString(), count: ++count,
    mounts: [...new Set(fs.readFileSync("/proc/self/mountinfo", "utf8").trim().split("\\n").map((line) => line.split(" ")[4] + " " + line.split(" ")[5]))].filter((line) => !/^.(opt|tmp) /.test(line)).sort(),
  },
  waited: fs.readFileSync("/proc/self/mountinfo", "utf8").includes("/late/"),
  secrets: [process.env.AWS_ACCESS_KEY_ID, process.env.AWS_SESSION_TOKEN],
});`;

const PYTHON_LOOK = `
import os, sys, time, warnings
def links(directory):
    found = []
    for name in os.listdir(directory):
        try: found.append(os.readlink(directory + "/" + name).split("[")[0].split("/lambent-")[0])
        except OSError: pass
    return sorted(found)
count = 0
def handler(event, context):
    global count
    count += 1
    with open("/proc/self/mountinfo") as file: mountinfo = file.read()
    return {
        "seen": {
            "environment": dict(os.environ), "directory": os.getcwd(), "parameters": [sys.argv, sys.orig_argv if hasattr(sys, "orig_argv") else 0, str(sys.flags)],
            "descriptors": [path for path in links("/proc/self/fd") if "/libffi" not in path], "user": [os.getuid(), os.getgid()],
            "loaded": sorted(sys.modules), "paths": sys.path, "time": time.tzname, "context": sorted(vars(context)),
            "tmp": os.listdir("/tmp"), "count": count, "attributes": sorted(dir(sys.modules["lambent_runtime"])),
            "encoding": [sys.stdout.encoding, sys.getfilesystemencoding()],
        },
        "waited": "/late/" in mountinfo,
        "secrets": [os.environ["AWS_ACCESS_KEY_ID"], os.environ["AWS_SESSION_TOKEN"]],
    }
`;

const RUBY_LOOK = `
def links = Dir.children("/proc/self/fd").filter_map { |fd| File.readlink("/proc/self/fd/#{fd}")[/[^\\[]*/].split("/lambent-").first rescue nil }.sort
$count = 0
def handler(event:, context:)
  {
    seen: {
      environment: ENV.to_h, directory: Dir.pwd, parameters: [$0, ARGV, $PROGRAM_NAME], descriptors: links,
      user: [Process.uid, Process.gid], loaded: $LOADED_FEATURES.sort, paths: $LOAD_PATH, time: Time.at(0).to_s,
      context: context.instance_variables.sort, tmp: Dir.children("/tmp"), count: $count += 1,
      constants: Object.constants.sort, own: LambentRuntime.constants.sort, globals: global_variables.sort,
      encoding: [Encoding.default_external.to_s, $stdout.sync], gems: [Gem.path, Gem.loaded_specs.keys.sort],
    },
    waited: File.read("/proc/self/mountinfo").include?("/late/"),
    secrets: [ENV["AWS_ACCESS_KEY_ID"], ENV["AWS_SESSION_TOKEN"]],
    texts: ObjectSpace.each_object(String).select { |text| text.b.match?(/first|second/) && text.size < 200 }.map { |text| text.b.scrub },
  }
end
`;

/** Sources that fail where they are loaded, and tell where that was. */
const FAILING: Readonly<Record<string, string>> = {
  "index.js": `
    const waited = require("node:fs").readFileSync("/proc/self/mountinfo", "utf8").includes("/late/");
    throw new TypeError("it " + (waited ? "waited" : "was made"));`,
  "index.py": `
with open("/proc/self/mountinfo") as file:
    raise TypeError("it " + ("waited" if "/late/" in file.read() else "was made"))
`,
  "index.rb": `raise "it #{File.read("/proc/self/mountinfo").include?("/late/") ? "waited" : "was made"}"`,
};

/** What Ruby has loaded before it sees the function's code; a package may bring another version of that. */
const ownJson = (line: string): Record<string, string> => ({
  "index.rb": `require "json"
    def handler(event:, context:) = { version: JSON::OWN, waited: File.read("/proc/self/mountinfo").include?("/late/"), variable: ENV["OWN"], parameters: ARGV }`,
  [`vendor/bundle/ruby/${line}.0/gems/json-99.0.0/lib/json.rb`]: `
    module JSON
      OWN = "99"
      GeneratorError = ParserError = Class.new(StandardError)
      def self.parse(text, *) = eval(text.gsub(":null", ":nil"))
      def self.generate(value, *) = value.inspect.gsub(/:(\\w+)=>/, '"\\1"=>').gsub("=>", ":")
    end
    class Object; def to_json(*) = JSON.generate(self); end`,
  [`vendor/bundle/ruby/${line}.0/specifications/json-99.0.0.gemspec`]: `
    Gem::Specification.new { |gem| gem.name = "json"; gem.version = "99.0.0"; gem.authors = ["x"]; gem.summary = "x"; gem.files = ["lib/json.rb"]; gem.require_paths = ["lib"] }`,
});

/** An OS-only function that tells what it finds, over and over. */
const PROVIDED_LOOK = `#!/usr/bin/python3
import json, os, urllib.request
api = "http://" + os.environ["AWS_LAMBDA_RUNTIME_API"] + "/2018-06-01/runtime/invocation/"
descriptors = sorted(os.readlink("/proc/self/fd/" + name).split("[")[0].split("/lambent-")[0] for name in os.listdir("/proc/self/fd") if os.path.lexists("/proc/self/fd/" + name))
with open("/proc/self/cmdline") as file: command = file.read()
while True:
    event = urllib.request.urlopen(api + "next")
    with open("/proc/self/mountinfo") as file: mountinfo = file.read()
    answer = {"seen": {"environment": dict(os.environ), "directory": os.getcwd(), "command": command, "descriptors": descriptors, "user": os.getuid(), "tmp": os.listdir("/tmp"), "opt": os.listdir("/opt")}, "waited": "/late/" in mountinfo, "secrets": [os.environ["AWS_ACCESS_KEY_ID"], os.environ["AWS_SESSION_TOKEN"]]}
    urllib.request.urlopen(urllib.request.Request(api + event.headers["Lambda-Runtime-Aws-Request-Id"] + "/response", json.dumps(answer).encode()))
`;

interface Looked {
  readonly seen: {
    readonly environment: Record<string, string>;
    readonly tmp: string[];
    readonly count?: number;
  };
  readonly waited: boolean;
  readonly secrets: string[];
}

interface Language {
  readonly name: string;
  readonly files: Record<string, string>;
  readonly settings: Partial<CreateFunctionCommandInput>;
}

const RUBY = ["3.2", "3.3"];
const PYTHON = ["3.12", "3.13", "3.11", "3.14", "3.10", "3.9"];
const VOLATILE =
  /^(AWS_(ACCESS_KEY_ID|SECRET_ACCESS_KEY|SESSION_TOKEN|LAMBDA_LOG_STREAM_NAME|LAMBDA_METADATA_TOKEN)|_X_AMZN_TRACE_ID)$/;

let withReserve: RunningLambent;
let without: RunningLambent;
let clients: { readonly with: LambdaClient; readonly without: LambdaClient };
let runtimes: string[];
let isolates = false;
before(async () => {
  withReserve = await startLambent();
  without = await startLambent({ environment: { LAMBENT_RESERVE_MAX: "0" } });
  clients = { with: lambdaClient(withReserve.endpoint), without: lambdaClient(without.endpoint) };
  const health = (await (await fetch(`${withReserve.endpoint}/health`)).json()) as {
    runtimes: string[];
    isolation: { isolates: boolean };
  };
  runtimes = health.runtimes;
  isolates = health.isolation.isolates && process.getuid?.() === 0;
});
after(async () => {
  await Promise.all([withReserve?.stop(), without?.stop()]);
});

function languages(): Language[] {
  const python = PYTHON.find((version) => runtimes.includes(`python${version}`));
  return [
    { name: "node", files: { "index.js": NODE_LOOK }, settings: { Runtime: "nodejs24.x" } },
    ...(python === undefined
      ? []
      : [
          {
            name: "python",
            files: { "index.py": PYTHON_LOOK },
            settings: { Runtime: `python${python}` as "python3.12" },
          },
        ]),
    ...(existsSync("/usr/bin/python3")
      ? [
          {
            name: "provided",
            files: { bootstrap: PROVIDED_LOOK },
            settings: { Runtime: "provided.al2023" as const },
          },
        ]
      : []),
    ...(ruby() === undefined
      ? []
      : [
          {
            name: "ruby",
            files: { "index.rb": RUBY_LOOK },
            settings: { Runtime: `ruby${ruby()}` as "ruby3.2" },
          },
        ]),
  ];
}

const ruby = (): string | undefined => RUBY.find((line) => runtimes.includes(`ruby${line}`));

function canReserve(t: TestContext): boolean {
  return skipUnless(
    t,
    isolates,
    "nothing is kept in reserve here",
    "run it as root on Linux, with bubblewrap installed",
  );
}

/** Invokes new functions until one finds that its environment has waited: the reserve fills in the background. */
async function untilWaited(language: Language, prefix: string): Promise<{ looked: Looked; name: string }> {
  for (let attempt = 0; attempt < 10; attempt++) {
    const name = `${prefix}-${attempt}`;
    await deploy(clients.with, name, language.files, {
      ...language.settings,
      Environment: { Variables: { SECRET: name, TZ: "Asia/Tokyo" } },
    });
    await delay(attempt === 0 ? 0 : 500);
    const { body, functionError } = await invoke(clients.with, name);
    assert.equal(functionError, undefined, JSON.stringify(body));
    if ((body as Looked).waited) return { looked: body as Looked, name };
  }
  throw new Error("no environment was taken from the reserve");
}

const comparable = ({ seen }: Looked, name: string): object => ({
  ...seen,
  environment: Object.fromEntries(
    Object.entries(seen.environment)
      .filter(([variable]) => !VOLATILE.test(variable))
      .map(([variable, value]) => [variable, value.replaceAll(name, "NAME")]),
  ),
});

describe("an environment from the reserve", { timeout: 110_000 }, () => {
  for (const wanted of ["node", "python", "provided", "ruby"]) {
    const needed = (t: TestContext): Language | undefined => {
      if (!canReserve(t)) return undefined;
      const language = languages().find(({ name }) => name === wanted);
      skipUnless(t, language !== undefined, "the runtime is missing", "install Python 3 and Ruby");
      return language;
    };

    test(`shows a function the same as one made for it (${wanted})`, async (t) => {
      const language = needed(t);
      if (language === undefined) return;
      const { looked, name } = await untilWaited(language, `same-${language.name}`);
      await deploy(clients.without, name, language.files, {
        ...language.settings,
        Environment: { Variables: { SECRET: name, TZ: "Asia/Tokyo" } },
      });
      const made = (await invoke(clients.without, name)).body as Looked;
      assert.equal(made.waited, false);
      assert.deepEqual(comparable(looked, name), comparable(made, name));
    });

    test(`serves one function only (${wanted})`, async (t) => {
      const language = needed(t);
      if (language === undefined) return;
      const first = await untilWaited(language, `first-${language.name}`);
      const second = await untilWaited(language, `second-${language.name}`);
      const text = JSON.stringify(second.looked);
      assert.ok(!text.includes("first-"), "the first function's name or variables are seen by the second");
      for (const secret of first.looked.secrets) assert.ok(!text.includes(secret));
      assert.deepEqual(second.looked.seen.tmp, first.looked.seen.tmp);
      // Its environment goes on serving the first function, warm.
      const again = (await invoke(clients.with, first.name)).body as Looked;
      assert.equal(again.seen.environment.SECRET, first.name);
      if (again.seen.count !== undefined) assert.equal(again.seen.count, 2);
    });
  }

  test("reports an initialisation that fails", async (t) => {
    if (!canReserve(t)) return;
    const logs = new CloudWatchLogsClient(clientConfiguration(withReserve.endpoint));
    for (const { name, settings, files } of languages()) {
      const [file = ""] = Object.keys(files);
      const source = FAILING[file];
      if (source === undefined) continue;
      let text = "";
      for (let attempt = 0; attempt < 10 && !text.includes("it waited"); attempt++) {
        const functionName = `fails-${name}-${attempt}`;
        await deploy(clients.with, functionName, { [file]: source }, settings);
        await delay(attempt === 0 ? 0 : 500);
        const { functionError } = await invoke(clients.with, functionName);
        assert.equal(functionError, "Unhandled");
        const group = { logGroupName: `/aws/lambda/${functionName}` };
        const { events = [] } = await logs.send(new FilterLogEventsCommand(group));
        text = events.map(({ message }) => message).join("");
      }
      assert.match(text, /it waited/);
      // By the runtime, not by its exit.
      assert.match(text, /INIT_REPORT .*Phase: init\tStatus: error\tError Type: Runtime.Unknown/);
    }
  });

  test("starts anew for gems that the waiting Ruby has loaded in another version", async (t) => {
    const line = ruby();
    if (!canReserve(t) || !skipUnless(t, line !== undefined, "there is no Ruby", "install Ruby")) return;
    const settings = { Runtime: `ruby${line}` as "ruby3.2", Environment: { Variables: { OWN: "yes" } } };
    for (let attempt = 0; attempt < 10; attempt++) {
      await deploy(clients.with, `gems-${attempt}`, ownJson(line ?? ""), settings);
      const { body, log } = await invoke(clients.with, `gems-${attempt}`);
      const { version, variable, waited } = body as { version: string; variable: string; waited: boolean };
      assert.deepEqual([version, variable], ["99", "yes"], log);
      if (waited) return;
    }
    assert.fail("no environment was taken from the reserve");
  });

  test("has the layers of its function, and of no other", async (t) => {
    if (!canReserve(t)) return;
    const [node] = languages();
    assert.ok(node !== undefined);
    const publish = async (name: string): Promise<string> =>
      publishLayer(clients.with, name, await zipOf({ [`${name}.txt`]: name }));
    const [one, two] = [await publish("one"), await publish("two")];
    const look = `${NODE_LOOK}
      const handler = exports.handler;
      exports.handler = async (...all) => ({ ...(await handler(...all)), opt: fs.readdirSync("/opt").sort() });`;
    const layered = { ...node, files: { "index.js": look } };
    for (const [prefix, Layers, expected] of [
      ["both", [one, two], ["one.txt", "two.txt"]],
      ["single", [two], ["two.txt"]],
      ["bare", [], []],
    ] as const) {
      const language = { ...layered, settings: { ...node.settings, Layers: [...Layers] } };
      const { looked } = await untilWaited(language, `layers-${prefix}`);
      assert.deepEqual((looked as Looked & { opt: string[] }).opt, expected);
    }
  });

  test("is not used where a variable must be there when the process starts", async (t) => {
    if (!canReserve(t)) return;
    const [node] = languages();
    assert.ok(node !== undefined);
    await untilWaited(node, "warm-up");
    await delay(500);
    await deploy(clients.with, "options", node.files, {
      Environment: { Variables: { NODE_OPTIONS: "--stack-trace-limit=7" } },
    });
    const looked = (await invoke(clients.with, "options")).body as Looked;
    assert.equal(looked.waited, false);
    assert.equal(looked.seen.environment.NODE_OPTIONS, "--stack-trace-limit=7");
  });
});
