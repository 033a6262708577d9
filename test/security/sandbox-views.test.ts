/** What a program finds in a sandbox that the helper has built, held against one that bwrap has. */
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { type TestContext, test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { enterPrivateMountNamespace } from "../../src/adapters/sandbox-bubblewrap/private-mount-namespace.ts";
import { canIsolate, openSandboxes } from "../support/sandboxes.ts";
import { skipUnless } from "../support/skip.ts";

enterPrivateMountNamespace(process.argv.slice(1));

interface Mount {
  readonly path: string;
  readonly type: string;
  readonly options: readonly string[];
  readonly tags: readonly string[];
}

interface View {
  readonly mounts: readonly Mount[];
  readonly directories: Record<string, Record<string, [mode: string, device: number, target: string]>>;
  readonly first: readonly string[][];
  readonly firstStatus: Record<string, string>;
  readonly firstDescriptors: readonly string[];
  readonly firstProgram: string;
  readonly hidden: readonly [name: string, outcome: unknown][];
  readonly oom: readonly unknown[];
  readonly chmod: readonly unknown[];
  readonly descriptors: number;
  readonly variables: Record<string, string>;
  readonly [fact: string]: unknown;
}

const BUILT_WITHIN_MS = 20_000;
const RESTRICTIONS = ["ro", "nosuid", "nodev", "noexec"];

async function viewOf(t: TestContext, builder: "helper" | "bwrap"): Promise<View> {
  const sandboxes = await openSandboxes(t, "none", builder === "bwrap" ? { compiler: null } : {});
  const deadline = performance.now() + BUILT_WITHIN_MS;
  for (;;) {
    const { outcome } = await sandboxes.run<View>(
      `return (await import("/var/runtime/inside-view.mjs")).insideView();`,
      { environmentVariables: { GIVEN: "value" } },
    );
    if (builder === "bwrap" || outcome.firstProgram !== "/usr/bin/bwrap") return outcome;
    // The helper is compiled, and tries whether it can, while bwrap builds sandboxes.
    assert.ok(performance.now() < deadline, "the helper builds no sandboxes");
    await delay(100);
  }
}

/** Devices are mounts of their own with bwrap, and files with the helper. */
const besideDevices = (mounts: readonly Mount[]): Mount[] =>
  mounts.filter(({ path }) => !path.startsWith("/dev/")).sort((a, b) => (a.path < b.path ? -1 : 1));

function compareMounts(built: readonly Mount[], bubblewrap: readonly Mount[]): void {
  const [ours, theirs] = [besideDevices(built), besideDevices(bubblewrap)];
  assert.deepEqual(
    ours.map(({ path }) => path),
    theirs.map(({ path }) => path),
  );
  for (const [index, { path, options, tags, type }] of ours.entries()) {
    const other = theirs[index] as Mount;
    const restrictions = other.options.filter((option) => RESTRICTIONS.includes(option));
    const missing = restrictions.filter((option) => !options.includes(option));
    // Devices can be opened there.
    assert.deepEqual(missing, path === "/dev" ? ["nodev"] : [], path);
    if (!path.startsWith("/proc/")) assert.equal(type, other.type, path);
    // Nothing that is mounted inside could appear outside.
    const kinds = (of: readonly string[]): string[] => of.map((tag) => tag.replace(/:\d+$/, ""));
    assert.deepEqual(kinds(tags), kinds(other.tags), path);
    assert.ok(!tags.some((tag) => tag.startsWith("shared")), path);
  }
}

/** Bwrap makes the directories on the way to a mount for the sandbox's user alone, who owns them. */
const modesOf = (directories: View["directories"]): unknown =>
  Object.entries(directories).map(([path, entries]) => [
    path,
    Object.entries(entries).map(([name, [mode, ...rest]]) => [
      name,
      mode.replace(/^40700$/, "40755"),
      ...rest,
    ]),
  ]);

test("a sandbox that the helper builds shows what one of bwrap's shows, and allows no more", async (t) => {
  if (!canIsolate(t)) return;
  if (!skipUnless(t, existsSync("/usr/bin/cc"), "no C compiler here", "apt-get install gcc libc6-dev"))
    return;
  const [built, bubblewrap] = [await viewOf(t, "helper"), await viewOf(t, "bwrap")];
  compareMounts(built.mounts, bubblewrap.mounts);
  assert.deepEqual(modesOf(built.directories), modesOf(bubblewrap.directories));
  // Every capability set is empty, nothing can be gained, and the filter is in force: for the first process as well.
  for (const status of [built.status, built.firstStatus] as Record<string, string>[]) {
    for (const name of ["CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"])
      assert.equal(status[name], "0000000000000000", name);
    assert.deepEqual(
      [status["NoNewPrivs"], status["Seccomp"], status["Seccomp_filters"], status["Groups"]],
      ["1", "2", "1", ""],
    );
  }
  const { SigBlk: _blocked, ...first } = bubblewrap.firstStatus;
  assert.deepEqual(built.firstStatus, { ...first, SigBlk: "0000000000000000" });
  assert.deepEqual(
    [...(built.maps as string[][])],
    [...(bubblewrap.maps as string[][])].map((map, index) =>
      // Each has a user of its own on the host.
      index < 2 ? [map[0], (built.maps as string[][])[index]?.[1], map[2]] : map,
    ),
  );
  // What differs: who is first, and that a program whose listeners are opened for it is not told of any.
  assert.deepEqual(built.first, [["init", "2", ""], [""]]);
  assert.equal(built.firstProgram, "/memfd:init (deleted)");
  assert.deepEqual(built.firstDescriptors, ["0", "1", "2"]);
  const { LAMBENT_LISTEN: _listen, ...variables } = bubblewrap.variables;
  assert.deepEqual(built.variables, variables);
  assert.ok(built.descriptors <= bubblewrap.descriptors);
  assert.ok(built.chmod.every((outcome) => ["EPERM", "EROFS"].includes(String(outcome))));
  const same = ["status", "limits", "cgroup", "oom", "hidden", "input", "hostName", "interfaces", "routes"];
  for (const fact of [...same, "working", "devices", "scratch", "processes", "session"])
    assert.deepEqual(built[fact], bubblewrap[fact], fact);
});
