/** What a pack of a Python function has beside its modules' code is what Python and the SDK would make, and ends with the start. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { commandOnHost, discoverForTests } from "../support/installed-runtimes.ts";
import { skipUnless } from "../support/skip.ts";

const CLIENT = join(import.meta.dirname, "../../runtimes/python");
const PATTERNS = `
import json, marshal, re, sys, threading, warnings
sys.path.insert(0, sys.argv[1])
from lambent_runtime.packed_patterns import PackedPatterns
compiler = getattr(re, "_compiler", None) or sys.modules["sre_compile"]
parser = getattr(re, "_parser", None) or sys.modules["sre_parse"]
original, parse, parsed = compiler.compile, parser.parse, []
def counting_parse(pattern, *rest):
    parsed.append(pattern)
    return parse(pattern, *rest)
parser.parse = counting_parse
packed_ones = [("a(b)?[c-z]+(?P<n>x)", 0), (b"ab[\\x80-\\xff]*", re.I), ("\\u00e4\\u00f6[\\u00fc-\\u00ff]", re.I | re.X), ("(?i)abc", 0),
    ("x" * 300, re.S), ("[%s]" % "".join(map(chr, range(0x100, 0x3000, 7))), 0), ("(?P<a>.)(?P=a)|(?<=q)r{2,5}?", re.M)]
others = [(b"x", re.L), ("[[a]", 0), ("[a&&b]", 0)]

def compile_all():
    re.purge()
    del parsed[:]
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        made = [re.compile(*each) for each in packed_ones + others]
    return made, sorted(str(each.message) for each in told), list(parsed)

plain, warned, _ = compile_all()
making = PackedPatterns()
of_making, warned_making, _ = compile_all()
making.end()
packed = marshal.loads(marshal.dumps(making.pack()))
using = PackedPatterns(packed)
of_using, warned_using, parsed_using = compile_all()
try:
    re.compile("(")
except re.error as error:
    failure = str(error)
using.end()
theirs = PackedPatterns(packed)
compiler.compile = own = lambda *given: original(*given)
theirs.end()
describe = lambda made: [[repr(each), each.flags, each.groups, sorted(each.groupindex.items())] for each in made]
print(json.dumps({
    "packed": len(packed) == len(packed_ones), "equal": plain == of_making == of_using,
    "alike": describe(plain) == describe(of_making) == describe(of_using), "warned": warned == warned_making == warned_using != [],
    "parsed": parsed_using == [pattern for pattern, _ in others], "failure": failure.split(" at ")[0],
    "matches": [bool(each.fullmatch(text)) for each, text in zip(of_using, ("abdx", b"AB\\xff", "\\u00c4\\u00d6\\u00dc", "ABC", "x" * 300, "\\u0100", "zz"))],
    "leavesOthers": compiler.compile is own,
}))
`;
const SDK = `
import json, marshal, os, sys, types
sys.path.insert(0, sys.argv[1])
from lambent_runtime import packed_sdk
directory = sys.argv[2]
data = os.path.join(directory, "data")
packed_sdk._DIRECTORIES = (directory,)
reads = []
def loaders(file):
    module = types.ModuleType("botocore.loaders")
    class JSONFileLoader:
        def load_file(self, file_path):
            reads.append(file_path)
            if os.path.isfile(file_path + ".json"):
                with open(file_path + ".json") as file:
                    return json.load(file)
    class Loader:
        search_paths = [data, os.path.join(directory, "missing")]
        def list_available_services(self, type_name):
            reads.append(type_name)
            return ["s3"]
    module.__spec__ = types.SimpleNamespace(_initializing=True)
    module.__file__, module.JSONFileLoader, module.Loader = file, JSONFileLoader, Loader
    sys.modules["botocore.loaders"] = module
    return module

def use(sdk, file=os.path.join(directory, "botocore/loaders.py")):
    module = loaders(file)
    original = module.JSONFileLoader.load_file
    sdk.look()
    seen = [module.JSONFileLoader.load_file is original]
    module.__spec__._initializing = False
    sdk.look()
    seen.append(module.JSONFileLoader.load_file is original)
    del reads[:]
    found = [module.JSONFileLoader().load_file(os.path.join(data, name)) for name in ("s3", "s3", "none")]
    names = module.Loader().list_available_services("service-2")
    seen.extend([found, found[0] is not found[1], names, [os.path.basename(read) for read in reads]])
    sdk.end()
    seen.append(module.JSONFileLoader.load_file is original)
    return seen

making = packed_sdk.PackedSdk()
made = use(making)
packed = marshal.loads(marshal.dumps(making.pack()))
late = packed_sdk.PackedSdk(packed)
late.end()
print(json.dumps({
    "made": made, "used": use(packed_sdk.PackedSdk(packed)), "elsewhere": use(packed_sdk.PackedSdk(packed), "/usr/lib/botocore/loaders.py")[1],
    "afterTheEnd": use(late)[1], "nothing": packed_sdk.PackedSdk().pack(),
}))
`;

async function run(program: string, ...parameters: readonly string[]): Promise<Map<string, unknown>> {
  const pythons = (await discoverForTests())
    .list()
    .filter(({ identifier }) => identifier.startsWith("python"));
  const told = new Map<string, unknown>();
  for (const { identifier, program: python } of pythons) {
    const [interpreter = ""] = commandOnHost(python);
    const ended = spawnSync(interpreter, ["-c", program, CLIENT, ...parameters], { encoding: "utf8" });
    assert.equal(ended.stderr, "", identifier);
    told.set(identifier, JSON.parse(ended.stdout));
  }
  return told;
}

test("regular expressions from a pack are those that Python compiles", async (t) => {
  const told = await run(PATTERNS);
  if (!skipUnless(t, told.size > 0, "there is no Python", "install Python 3")) return;
  for (const [identifier, seen] of told)
    assert.deepEqual(
      seen,
      {
        packed: true,
        equal: true,
        alike: true,
        warned: true,
        parsed: true,
        failure: "missing ), unterminated subpattern",
        matches: [true, true, true, true, true, true, true],
        leavesOthers: true,
      },
      identifier,
    );
});

test("an SDK of the function's own gets from a pack what it would read, and nobody gets the same twice", async (t) => {
  const directory = await mkdtemp(join(tmpdir(), "lambent-test-"));
  t.after(() => rm(directory, { recursive: true }));
  await mkdir(join(directory, "data"));
  await writeFile(join(directory, "data/s3.json"), '{"of": ["the SDK"]}');
  const told = await run(SDK, directory);
  if (!skipUnless(t, told.size > 0, "there is no Python", "install Python 3")) return;
  const found = [{ of: ["the SDK"] }, { of: ["the SDK"] }, null];
  for (const [identifier, seen] of told)
    assert.deepEqual(
      seen,
      {
        made: [true, false, found, true, ["s3"], ["s3", "s3", "none", "service-2"], true],
        used: [true, false, found, true, ["s3"], ["none"], true],
        elsewhere: true,
        afterTheEnd: true,
        nothing: [{}, {}],
      },
      identifier,
    );
});
