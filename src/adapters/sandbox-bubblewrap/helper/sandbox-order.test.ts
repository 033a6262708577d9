import assert from "node:assert/strict";
import { test } from "node:test";
import type { SandboxView } from "../bubblewrap-arguments.ts";
import { sandboxOrder } from "./sandbox-order.ts";

const VIEW: SandboxView = {
  rootFileSystem: {
    etc: "/run/x/etc",
    etcMounts: [],
    topLinks: {},
    topDirectories: [],
    hiddenDirectories: [],
    hiddenProcFiles: ["/proc/keys"],
  },
  mounts: [
    { source: "/host/deep", sandboxPath: "/var/lang/lib/deep" },
    { source: "/host/lang", sandboxPath: "/var/lang" },
  ],
  codeDirectory: "/host/code",
  layersDirectory: "/host/layers",
  fileSystems: [{ source: "/host/shared", sandboxPath: "/mnt/shared" }],
  scratch: { sizeBytes: 1_000 },
  environmentVariables: { TEXT: "a b" },
};

test("only file systems are writable, and mounts come before those inside them", () => {
  assert.deepEqual(sandboxOrder(VIEW, ["/bin/program", "parameter"]), [
    "5",
    "/host/code",
    "ro",
    "/host/layers",
    "ro",
    "/host/lang",
    "ro",
    "/host/deep",
    "ro",
    "/host/shared",
    "rw",
    "1000",
    "1",
    "/proc/keys",
    "/var/task",
    "/opt",
    "/var/lang",
    "/var/lang/lib/deep",
    "/mnt/shared",
    "2",
    "/bin/program",
    "parameter",
    "TEXT=a b",
    "PWD=/var/task",
  ]);
});

test("a volume is there already, and a held sandbox has no program", () => {
  const view = {
    ...VIEW,
    scratch: { path: "/run/x/volumes/1" },
    mounts: [],
    fileSystems: [],
    environmentVariables: {},
  };
  assert.deepEqual(sandboxOrder({ ...view, layersDirectory: undefined }), [
    "1",
    "/host/code",
    "ro",
    "",
    "1",
    "/proc/keys",
    "/var/task",
    "0",
    "PWD=/var/task",
  ]);
});

test("a NUL character would end a word in its middle, so it is refused", () => {
  assert.throws(
    () => sandboxOrder({ ...VIEW, environmentVariables: { A: "x\0/bin/sh" } }, ["/bin/true"]),
    /NUL/,
  );
});
