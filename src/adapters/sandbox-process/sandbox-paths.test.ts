import assert from "node:assert/strict";
import { test } from "node:test";
import { SandboxPaths } from "./sandbox-paths.ts";

const paths = new SandboxPaths({
  codeDirectory: "/data/code/abc",
  program: {
    command: [],
    mounts: [
      { hostPath: "/home/me/python", sandboxPath: "/var/lang" },
      { hostPath: "/home/me/special", sandboxPath: "/var/lang/lib/special" },
      { hostPath: "/lambent/runtimes/python", sandboxPath: "/var/runtime" },
    ],
  },
});

test("a path below a mount is below its host path", () => {
  assert.equal(paths.translate("/var/lang/bin/python3.12"), "/home/me/python/bin/python3.12");
  assert.equal(paths.translate("/var/runtime"), "/lambent/runtimes/python");
  assert.equal(paths.translate("/var/task/index.py"), "/data/code/abc/index.py");
});

test("the deepest mount decides, and names that only begin alike are left alone", () => {
  assert.equal(paths.translate("/var/lang/lib/special/x"), "/home/me/special/x");
  assert.equal(paths.translate("/var/language/x"), "/var/language/x");
  assert.equal(paths.translate("/usr/bin/env"), "/usr/bin/env");
});

test("only variables that hold paths are touched", () => {
  assert.deepEqual(
    paths.translateVariables({
      PATH: "/var/lang/bin:/usr/bin",
      PYTHONPATH: "/var/runtime",
      NOTE: "/var/task",
    }),
    { PATH: "/home/me/python/bin:/usr/bin", PYTHONPATH: "/lambent/runtimes/python", NOTE: "/var/task" },
  );
});
