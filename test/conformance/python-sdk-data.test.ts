/** What a waiting Python program has read of AWS's SDK beforehand is what the SDK's loaders would read, and nobody else's. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { commandOnHost, discoverForTests } from "../support/installed-runtimes.ts";
import { skipUnless } from "../support/skip.ts";

const CLIENT = join(import.meta.dirname, "../../runtimes/python");
/** Loaders with the two methods of botocore's that matter, and a count of what they really do. */
const PROGRAM = `
import json, os, sys, types
sys.path.insert(0, sys.argv[1])
from lambent_runtime.sdk_data import SdkData
directory = sys.argv[2]
reads = []
class JSONFileLoader:
    def load_file(self, file_path):
        reads.append(file_path)
        if os.path.isfile(file_path + ".json"):
            with open(file_path + ".json") as file:
                return json.load(file)
class Loader:
    def __init__(self, *paths):
        self.search_paths = list(paths)
    def list_available_services(self, type_name):
        reads.append(type_name)
        return sorted(name for path in self.search_paths if os.path.isdir(path) for name in os.listdir(path))
load, listing = JSONFileLoader.load_file, Loader.list_available_services
file, other = os.path.join(directory, "data", "s3"), os.path.join(directory + "-own", "s3")
places = os.path.join(directory, "missing"), os.path.join(directory, "data")
data = SdkData(types.SimpleNamespace(JSONFileLoader=JSONFileLoader, Loader=Loader), directory)
data.record()
recorded = [JSONFileLoader().load_file(path) for path in (file, other, file + "-none")]
Loader(*places).list_available_services("service-2")
data.read()
reads.clear()
first = JSONFileLoader().load_file(file)
names = Loader(*places).list_available_services("service-2")
names.append("changed")
seen = {
    "ready": [first, names, Loader(places[1]).list_available_services("service-2"), list(reads)],
    "isNobodyElses": first is not recorded[0],
    "again": JSONFileLoader().load_file(file) is not first,
    "others": [JSONFileLoader().load_file(other), JSONFileLoader().load_file(file + "-none")],
    "elsewhere": Loader(*places, directory + "-own").list_available_services("service-2"),
    "otherType": Loader(*places).list_available_services("waiters-2"),
    "reads": [os.path.basename(read) for read in reads],
}
data.withdraw()
seen["withdrawn"] = JSONFileLoader.load_file is load and Loader.list_available_services is listing
data = SdkData(types.SimpleNamespace(JSONFileLoader=JSONFileLoader, Loader=Loader), directory)
data.record()
data.read()
JSONFileLoader.load_file = theirs = lambda loader, file_path: None
data.withdraw()
seen["leavesOthers"] = JSONFileLoader.load_file is theirs
print(json.dumps(seen))
`;

test("a loader gets what was read beforehand once, and reads all else itself", async (t) => {
  const python = (await discoverForTests())
    .list()
    .findLast(({ identifier }) => identifier.startsWith("python"));
  if (!skipUnless(t, python !== undefined, "there is no Python", "install Python 3")) return;
  const directory = await mkdtemp(join(tmpdir(), "lambent-test-"));
  t.after(() => Promise.all([directory, `${directory}-own`].map((path) => rm(path, { recursive: true }))));
  await mkdir(join(directory, "data"));
  await mkdir(`${directory}-own`);
  await writeFile(join(directory, "data/s3.json"), '{"of": "the SDK"}');
  await writeFile(join(`${directory}-own`, "s3.json"), '{"of": "the function"}');
  const [interpreter = ""] = commandOnHost(python?.program ?? { command: [], mounts: [] });
  const { stdout, stderr } = spawnSync(interpreter, ["-c", PROGRAM, CLIENT, directory], { encoding: "utf8" });
  assert.equal(stderr, "");
  assert.deepEqual(JSON.parse(stdout), {
    ready: [{ of: "the SDK" }, ["s3.json", "changed"], ["s3.json"], []],
    isNobodyElses: true,
    again: true,
    others: [{ of: "the function" }, null],
    elsewhere: ["s3.json", "s3.json"],
    otherType: ["s3.json"],
    reads: ["s3", "s3", "s3-none", "service-2", "waiters-2"],
    withdrawn: true,
    leavesOthers: true,
  });
});
