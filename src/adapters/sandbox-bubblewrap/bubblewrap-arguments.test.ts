import assert from "node:assert/strict";
import { test } from "node:test";
import { bubblewrapOptions, type SandboxView } from "./bubblewrap-arguments.ts";

const VIEW: SandboxView = {
  rootFileSystem: {
    etc: "/run/x/etc",
    etcMounts: ["ssl/certs"],
    topLinks: { bin: "usr/bin" },
    topDirectories: ["lib64"],
    hiddenDirectories: ["/usr/local/etc"],
    hiddenProcFiles: ["/proc/keys"],
  },
  mounts: [
    { source: "/host/deep", sandboxPath: "/var/lang/lib/deep" },
    { source: "/host/lang", sandboxPath: "/var/lang" },
  ],
  codeDirectory: "/host/code",
  fileSystems: [],
  scratch: { sizeBytes: 1_000 },
  environmentVariables: { LD_PRELOAD: "/var/task/evil.so", TEXT: "--bind / /host" },
};

const words = (view: SandboxView): string[] => bubblewrapOptions(view, 6).toString().split("\0").slice(0, -1);
const at = (list: readonly string[], ...sequence: string[]): number =>
  list.findIndex((_, index) => sequence.every((word, offset) => list[index + offset] === word));

test("only file systems are writable beside /tmp", () => {
  const fileSystems = [{ source: "/srv/shared", sandboxPath: "/mnt/shared" }];
  const options = words({ ...VIEW, fileSystems });
  assert.notEqual(at(options, "--bind", "/srv/shared", "/mnt/shared"), -1);
  assert.equal(options.filter((word) => word === "--bind").length, 1);
});

test("values stand behind their option as single words, whatever is in them", () => {
  const options = words(VIEW);
  assert.notEqual(at(options, "--setenv", "TEXT", "--bind / /host"), -1);
  assert.notEqual(at(options, "--setenv", "LD_PRELOAD", "/var/task/evil.so"), -1);
});

test("everything of bwrap's own environment is cleared before the function's variables are set", () => {
  const options = words(VIEW);
  assert.ok(at(options, "--clearenv") < at(options, "--setenv"));
});

test("code and runtime are read-only, the root is closed last, and mounts come before those inside them", () => {
  const options = words(VIEW);
  const order = [
    at(options, "--ro-bind", "/host/lang", "/var/lang"),
    at(options, "--ro-bind", "/host/deep", "/var/lang/lib/deep"),
    at(options, "--remount-ro", "/"),
  ];
  assert.ok(!order.includes(-1));
  assert.deepEqual(
    [...order].sort((a, b) => a - b),
    order,
  );
  assert.notEqual(at(options, "--ro-bind", "/host/code", "/var/task"), -1);
  assert.equal(at(options, "--bind"), -1, "nothing of the host is writable");
});

test("/tmp is a volume on disk, or memory of limited size", () => {
  assert.notEqual(at(words(VIEW), "--size", "1000", "--tmpfs", "/tmp"), -1);
  assert.notEqual(
    at(words({ ...VIEW, scratch: { path: "/run/x/scratch-1" } }), "--bind", "/run/x/scratch-1", "/tmp"),
    -1,
  );
});

test("a NUL character would end an option in its middle, so it is refused", () => {
  assert.throws(() => bubblewrapOptions({ ...VIEW, environmentVariables: { A: "x\0--bind" } }, 6), /NUL/);
});
