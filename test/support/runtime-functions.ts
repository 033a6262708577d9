/** The functions that every runtime client is driven with: the same behaviour in each language. */
import { mkdir, mkdtemp, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";

const NODE_CASES = `
let count = 0;
export const echo = async (event) => event;
export const nothing = async () => {};
export const counter = async () => ++count;
export const trace = async () => process.env._X_AMZN_TRACE_ID ?? null;
export const fail = async () => { throw new TypeError("it broke: ü"); };
export const unserializable = async () => ({ big: 1n });
export const exit = async () => process.exit(0);
export const log = async () => { console.log("first line\\nsecond line"); console.error("ärger"); };
export const prints = async () => { process.stdout.write("plain output\\n"); };
export const context = async (_event, context) => ({
  requestId: context.awsRequestId,
  functionName: context.functionName,
  functionVersion: context.functionVersion,
  memory: context.memoryLimitInMB,
  arn: context.invokedFunctionArn,
  logGroup: context.logGroupName,
  logStream: context.logStreamName,
  remainingMs: context.getRemainingTimeInMillis(),
  installation: context.clientContext?.client?.installation_id,
  custom: context.clientContext?.custom?.greeting,
  identity: context.identity?.cognitoIdentityId,
});
`;

const PYTHON_CASES = `
import logging, os, sys
count = 0
def echo(event, context): return event
def nothing(event, context): pass
def counter(event, context):
    global count
    count += 1
    return count
def trace(event, context): return os.environ.get("_X_AMZN_TRACE_ID")
def fail(event, context): raise TypeError("it broke: ü")
def unserializable(event, context): return {"big": {1, 2}}
def exit(event, context): sys.exit(0)
def log(event, context):
    logging.getLogger().setLevel(logging.INFO)
    logging.info("first line\\nsecond line")
    logging.error("ärger")
def prints(event, context): print("plain output")
def context(event, context):
    client = context.client_context
    return {
        "requestId": context.aws_request_id,
        "functionName": context.function_name,
        "functionVersion": context.function_version,
        "memory": context.memory_limit_in_mb,
        "arn": context.invoked_function_arn,
        "logGroup": context.log_group_name,
        "logStream": context.log_stream_name,
        "remainingMs": context.get_remaining_time_in_millis(),
        "installation": client and client.client and client.client.installation_id,
        "custom": client and client.custom and client.custom["greeting"],
        "identity": context.identity and context.identity.cognito_identity_id,
    }
`;

const FILES = {
  nodejs: {
    "cases.mjs": NODE_CASES,
    "bad-init.mjs": 'throw new RangeError("init broke");\nexport const handler = async () => {};\n',
    "bad_import.js": 'require("no-such-module");\nexports.handler = async () => {};\n',
    "bad_syntax.js": "exports.handler = async () => { return ;;; }}\n",
    "sub/dir/deep.cjs": 'module.exports = { a: { b: async () => "deep" } };\n',
    "common.js": 'exports.handler = async () => "common";\n',
    "waits.mjs":
      'const value = await Promise.resolve("awaited");\nexport const handler = async () => value;\n',
    "never.mjs": "await new Promise(() => {});\nexport const handler = async () => 1;\n",
    "module/package.json": '{"type":"module"}\n',
    "module/index.js": 'export const handler = async () => "esm";\n',
    "number.mjs": "export const handler = 7;\n",
    "strange #%41.mjs": 'export const handler = async () => "strange";\n',
    "callback.cjs": `
      exports.simple = (event, context, callback) => callback(null, { via: "callback" });
      exports.waits = (event, context, callback) => {
        let done = false;
        setTimeout(() => { done = true; result.done = done; }, 30);
        const result = { done };
        callback(null, result);
      };
      exports.twice = (event, context, callback) => {
        callback(null, "first");
        setTimeout(() => callback(new Error("second")), 20);
      };
      exports.both = async (event, context, callback) => {
        callback(null, "called");
        return "returned";
      };
      exports.hurries = (event, context, callback) => {
        context.callbackWaitsForEmptyEventLoop = false;
        setTimeout(() => {}, 600000);
        callback(null, "early");
      };
      exports.fails = (event, context, callback) => callback(new Error("by callback"));
      exports.never = (event, context, callback) => {};
    `,
    "crash.mjs": `
      export const throwsString = async () => { throw "just text"; };
      export const rejects = async () => { Promise.reject(new Error("nobody listens")); await new Promise((r) => setTimeout(r, 1000)); };
      export const uncaught = async () => { setImmediate(() => { throw new Error("out of line"); }); await new Promise((r) => setTimeout(r, 1000)); };
      export const unsettled = async () => new Promise(() => {});
    `,
    "levels.mjs": `
      export const handler = async () => {
        console.debug("quiet");
        console.info({ a: 1 });
        console.warn("warned %d", 5);
        console.error("failed", new TypeError("inner"));
      };
    `,
    "streaming.mjs": `
      export const handler = Object.assign(async () => {}, { [Symbol.for("aws.lambda.runtime.handler.streaming")]: "request" });
      export const late = awslambda.streamifyResponse(async (event, stream) => {
        stream.write("part");
        throw new RangeError("in the middle");
      });
      export const tooLate = awslambda.streamifyResponse(async (event, stream) => {
        stream.write("part");
        stream.setContentType("text/plain");
      });
      export const notAsync = awslambda.streamifyResponse((event, stream) => { stream.end("x"); });
      export const empty = awslambda.streamifyResponse(async (event, stream) => {
        awslambda.HttpResponseStream.from(stream, { statusCode: 204 }).end();
      });
      export const old = [];
      export const afterwards = awslambda.streamifyResponse(async (event, stream) => {
        old.forEach((other) => other.write("left over"));
        old.push(stream);
        if (event.fail) throw new Error("asked to");
        stream.end(Uint8Array.from([104, 105]));
      });
    `,
    "sees.mjs": `
      export const handler = async () => ({
        variables: Object.keys(process.env).filter((name) => /LAMBENT|NODE_CHANNEL|TELEMETRY/.test(name)),
        send: typeof process.send, connected: process.connected ?? false,
      });
    `,
  },
  python: {
    "cases.py": PYTHON_CASES,
    "w3c.py": "def handler(event, context): return context.w3c()\n",
    "bad_init.py": 'raise IndexError("init broke")\n',
    "bad_import.py": "import no_such_module\ndef handler(event, context): pass\n",
    "bad_syntax.py": "def handler(event, context)\n    pass\n",
    "sub/dir/deep.py": 'def handler(event, context): return "deep"\n',
    "values.py": `
import decimal, sys, os
def decimals(event, context): return {"exact": decimal.Decimal("1.10000000000000000001"), "text": "1.5", "nested": [decimal.Decimal("2")]}
def raw(event, context): return b"raw bytes"
def surrogate(event, context): return "bad \\ud800 text"
def path(event, context): return sys.path
def sees(event, context): return {
    "variables": [name for name in os.environ if "LAMBENT" in name or "NODE_CHANNEL" in name or "TELEMETRY" in name],
    "descriptors": sorted(int(fd) for fd in os.listdir("/proc/self/fd")) if os.path.isdir("/proc/self/fd") else [],
}
def nested(event, context):
    def inner(): raise KeyError("deep")
    inner()
`,
    "results.py": `
import collections, decimal, enum, typing
Point = collections.namedtuple("Point", "x y")
class Named(typing.NamedTuple):
    left: int
    right: str = "r"
class AsDict:
    def _asdict(self): return {"z": Point(1, 2)}
class AsNoDict(tuple):
    def _asdict(self): return [1]
class Level(enum.IntEnum):
    HIGH = 3
class Rude(str):
    def __str__(self): return "other"
circle = Point([], 1)
circle.x.append(circle)
RESULTS = {
    "named tuple": Point(1, "two"),
    "nested": {"list": [Point(1, Point((), None))], "named": Named(1), "tuple": (1, (2,))},
    "empty": [collections.namedtuple("Empty", "")(), {}, (), collections.OrderedDict()],
    "as a dict": [AsDict(), {}],
    "as no dict": AsNoDict((1,)),
    "class": [Point],
    "bytes": [b"inside", {b"key": b"\\xc3\\xa4"}],
    "no text": [b"\\xff"],
    "keys": {1: 1, True: 2, None: 3, 1.5: 4, "s": Point(5, 6), "k": 7, b"k": 8},
    "tuple as key": {(1, 2): 3},
    "decimal": [Point(decimal.Decimal("1.10"), decimal.Decimal("NaN")), decimal.Decimal("1E+30")],
    "decimal as key": {decimal.Decimal(1): 1},
    "no numbers": [float("nan"), float("inf"), Point(0, float("-inf"))],
    "subclasses": [Level.HIGH, Rude("me"), collections.OrderedDict(b=1, a=2), collections.Counter("aab")],
    "circle": circle,
    "set": [Point(1, {2})],
}
def handler(event, context): return RESULTS[event]
`,
    "logs.py": `
import logging
def handler(event, context):
    logger = logging.getLogger("mine")
    logger.debug("quiet")
    logger.info("told %s", "you", extra={"order": 7})
    try:
        1 / 0
    except ZeroDivisionError:
        logger.exception("caught")
`,
  },
} as const;

/** Writes the functions of a language into a new temporary directory, which the caller removes. */
export async function writeRuntimeFunctions(language: keyof typeof FILES): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), "lambent-runtime-functions-"));
  for (const [name, content] of Object.entries(FILES[language])) {
    const file = join(directory, name);
    await mkdir(dirname(file), { recursive: true });
    await writeFile(file, content);
  }
  return directory;
}
