import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, type TestContext, test } from "node:test";
import { ownV2Path, parseCgroupMounts } from "./cgroup-mounts.ts";
import { cpuQuotaUs } from "./control-group.ts";
import { baseGroup, ControlGroupsV2, openControlGroupsV2 } from "./control-groups-v2.ts";

describe("finding the hierarchies", () => {
  test("pure version 2, as systemd mounts it", () => {
    const mounts = parseCgroupMounts(
      "25 22 0:22 / /sys rw,nosuid shared:7 - sysfs sysfs rw\n" +
        "30 25 0:26 / /sys/fs/cgroup rw,nosuid,nodev shared:9 - cgroup2 cgroup2 rw,nsdelegate,memory_recursiveprot\n",
    );
    assert.equal(mounts.v2, "/sys/fs/cgroup");
    assert.equal(mounts.v1.size, 0);
  });

  test("version 1 with controllers that share a hierarchy, beside an empty version 2", () => {
    const mounts = parseCgroupMounts(
      "32 31 0:29 / /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct\n" +
        "35 31 0:32 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n" +
        "40 31 0:37 / /sys/fs/cgroup/systemd rw - cgroup cgroup rw,xattr,name=systemd\n" +
        "41 31 0:38 / /sys/fs/cgroup/with\\040space rw - cgroup2 cgroup2 rw\n",
    );
    assert.equal(mounts.v1.get("cpu"), "/sys/fs/cgroup/cpu,cpuacct");
    assert.equal(mounts.v1.get("memory"), "/sys/fs/cgroup/memory");
    assert.equal(mounts.v1.get("pids"), undefined);
    assert.equal(mounts.v2, "/sys/fs/cgroup/with space");
  });

  test("the own group in version 2", () => {
    assert.equal(
      ownV2Path("9:memory:/x\n0::/user.slice/user-1000.slice/session-3.scope\n"),
      "/user.slice/user-1000.slice/session-3.scope",
    );
    assert.equal(ownV2Path("9:memory:/x\n"), undefined);
  });
});

/** A directory tree in the place of /sys/fs/cgroup: what a file system can show of the kernel's behaviour. */
function fakeHierarchy(
  t: TestContext,
  groups: readonly string[],
  controllers = "cpuset cpu io memory pids",
): string {
  const mount = mkdtempSync(join(tmpdir(), "lambent-cgroup-"));
  t.after(() => rmSync(mount, { recursive: true, force: true }));
  const paths = groups.flatMap((group) =>
    group.split("/").map((_, index, names) => names.slice(0, index + 1).join("/")),
  );
  for (const group of ["", ...paths]) {
    mkdirSync(join(mount, group), { recursive: true });
    writeFileSync(join(mount, group, "cgroup.controllers"), `${controllers}\n`);
    for (const file of ["cgroup.procs", "cgroup.subtree_control"])
      writeFileSync(join(mount, group, file), "");
  }
  return mount;
}

describe("version 2", () => {
  test("root makes its group at the top", (t) => {
    const mount = fakeHierarchy(t, ["system.slice/lambent.service"]);
    assert.equal(baseGroup({ mount, ownPath: "/system.slice/lambent.service", isRoot: true }), mount);
  });

  test("others use the nearest group above their own that they may write", (t) => {
    const mount = fakeHierarchy(t, ["user.slice/app.slice/run-1.scope"]);
    const ownPath = "/user.slice/app.slice/run-1.scope";
    assert.equal(baseGroup({ mount, ownPath, isRoot: false }), join(mount, "user.slice/app.slice"));
    // Without the delegated files the next one above is asked.
    rmSync(join(mount, "user.slice/app.slice/cgroup.procs"));
    assert.equal(baseGroup({ mount, ownPath, isRoot: false }), join(mount, "user.slice"));
  });

  test("nobody has a place when nothing is delegated", (t) => {
    const mount = fakeHierarchy(t, []);
    rmSync(join(mount, "cgroup.procs"));
    assert.equal(baseGroup({ mount, ownPath: "/", isRoot: false }), undefined);
    assert.equal(baseGroup({ mount, ownPath: "/gone", isRoot: true }), undefined);
    assert.equal(openControlGroupsV2({ mount, ownPath: "/", isRoot: true }, "abc"), undefined);
  });

  test("controllers are turned on from the top down", (t) => {
    const mount = fakeHierarchy(t, ["lambent/abc"]);
    openControlGroupsV2({ mount, ownPath: "/", isRoot: true }, "abc");
    for (const group of ["", "lambent", "lambent/abc"])
      assert.match(
        readFileSync(join(mount, group, "cgroup.subtree_control"), "utf8"),
        /^\+(memory|cpu|pids)$/,
        group,
      );
  });

  test("an environment's limits are written as the kernel documents them", (t) => {
    const mount = fakeHierarchy(t, ["lambent/abc"]);
    const groups = new ControlGroupsV2(join(mount, "lambent/abc"), new Set(["memory", "cpu", "pids"]));
    const group = groups.create("environment");
    const directory = join(mount, "lambent/abc/environment");
    writeFileSync(join(directory, "memory.swap.max"), "max");
    group.setLimits({ memoryBytes: 134_217_728, processes: 1_024, cpus: 2 });
    const read = (file: string): string => readFileSync(join(directory, file), "utf8");
    assert.equal(read("memory.max"), "134217728");
    assert.equal(read("memory.swap.max"), "0");
    assert.equal(read("memory.oom.group"), "1");
    assert.equal(read("pids.max"), "1024");
    assert.equal(read("cpu.max"), "40000 20000");
    group.setCpus(128 / 1769);
    assert.equal(read("cpu.max"), "1447 20000");
    // Of the next limits only what differs is written.
    writeFileSync(join(directory, "pids.max"), "untouched");
    group.setLimits({ memoryBytes: 268_435_456, processes: 1_024, cpus: 2 });
    assert.equal(read("memory.max"), "268435456");
    assert.equal(read("cpu.max"), "40000 20000");
    assert.equal(read("pids.max"), "untouched");
    group.freeze();
    assert.equal(read("cgroup.freeze"), "1");
    group.thaw();
    assert.equal(read("cgroup.freeze"), "0");
  });

  test("peak and lack of memory are read from the group", (t) => {
    const mount = fakeHierarchy(t, ["lambent/abc"]);
    const group = new ControlGroupsV2(join(mount, "lambent/abc"), new Set(["memory"])).create("environment");
    const directory = join(mount, "lambent/abc/environment");
    assert.equal(group.memoryPeakBytes(), undefined, "before Linux 5.19");
    assert.equal(group.outOfMemory(), false);
    writeFileSync(join(directory, "memory.peak"), "73400320\n");
    writeFileSync(
      join(directory, "memory.events"),
      "low 0\nhigh 0\nmax 31\noom 1\noom_kill 0\noom_group_kill 0\n",
    );
    assert.equal(group.memoryPeakBytes(), 73_400_320);
    assert.equal(group.outOfMemory(), false, "reaching the limit is not yet a kill");
    writeFileSync(join(directory, "memory.events"), "oom 1\noom_kill 2\n");
    assert.equal(group.outOfMemory(), true);
    writeFileSync(join(directory, "cgroup.procs"), "12\n345\n");
    assert.deepEqual(group.processIds(), [12, 345]);
  });
});

test("the CPU quota is in proportion, and never below what the kernel takes", () => {
  assert.equal(cpuQuotaUs(1), 20_000);
  assert.equal(cpuQuotaUs(128 / 1769), 1_447);
  assert.equal(cpuQuotaUs(0.01), 1_000);
});
