import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { chmod, mkdir, mkdtemp, readFile, rm, symlink } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { GetFunctionConfigurationCommand, type LambdaClient } from "@aws-sdk/client-lambda";
import { deploy, invoke, lambdaClient } from "../support/deploy.ts";
import { skipUnless } from "../support/skip.ts";
import { type RunningLambent, startLambent } from "../support/start-lambent.ts";

const ACCESS_POINT = "arn:aws:elasticfilesystem:us-east-1:000000000000:access-point/fsap-0123456789abcdef0";
/** Of directories in the one of the other. */
const [TEAM, OTHER_TEAM] = ["1", "2"].map((end) => ACCESS_POINT.slice(0, -1) + end) as [string, string];
const FileSystemConfigs = [{ Arn: ACCESS_POINT, LocalMountPath: "/mnt/shared" }];
/** Does what it is told and gives what it finds. */
const HANDLER = `
const fs = require("node:fs");
exports.handler = async ({ append, host }) => {
  if (append) fs.appendFileSync("/mnt/shared/log.txt", append);
  return { text: fs.readFileSync("/mnt/shared/log.txt", "utf8"), mounts: fs.readdirSync("/mnt"), host: host && fs.existsSync(host) };
};`;
/** What \`setfacl -d -m u::rwx,g::rwx,o::rwx\` does, which is not on every machine. */
const DEFAULT_ACL = `
import os, struct, sys
entries = b"".join(struct.pack("<HHI", tag, 7, 0xffffffff) for tag in (1, 4, 0x20))
os.setxattr(sys.argv[1], "system.posix_acl_default", struct.pack("<I", 2) + entries)
`;

describe("a directory of the host in the place of EFS", () => {
  let directory: string;
  let shared: string;
  let lambent: RunningLambent;
  let lambda: LambdaClient;
  before(async () => {
    directory = await mkdtemp(join(tmpdir(), "lambent-file-systems-"));
    // As it may lie where other users cannot pass.
    await chmod(directory, 0o700);
    shared = join(directory, "shared");
    await mkdir(shared);
    const alias = join(directory, "a");
    await symlink(shared, alias);
    for (const path of [shared, join(shared, "team"), join(shared, "teams"), join(shared, "teams/other")]) {
      await mkdir(path, { recursive: true });
      await chmod(path, 0o777);
    }
    lambent = await startLambent({
      environment: {
        LAMBENT_FILE_SYSTEMS: JSON.stringify({
          [TEAM]: join(alias, "team"),
          [OTHER_TEAM]: join(shared, "teams/other"),
          [ACCESS_POINT]: shared,
        }),
      },
    });
    lambda = lambdaClient(lambent.endpoint);
  });
  after(async () => {
    await lambent?.stop();
    await rm(directory, { recursive: true, force: true });
  });
  const isIsolating = (): boolean =>
    lambent.banner.some((line) => line.includes("a host user per environment"));

  test("is there for reading and writing in several functions, and nothing else of the host", async (t) => {
    if (!skipUnless(t, isIsolating(), "functions do not run as users of their own here", "run it as root"))
      return;
    execFileSync("python3", ["-c", DEFAULT_ACL, shared]);
    for (const name of ["one", "two"])
      await deploy(lambda, name, { "index.js": HANDLER }, { FileSystemConfigs });
    await invoke(lambda, "one", { append: "from one\n" });
    const { body } = await invoke(lambda, "two", { append: "from two\n", host: shared });
    assert.deepEqual(body, { text: "from one\nfrom two\n", mounts: ["shared"], host: false });
    assert.equal(await readFile(join(shared, "log.txt"), "utf8"), "from one\nfrom two\n");
    const configuration = await lambda.send(new GetFunctionConfigurationCommand({ FunctionName: "one" }));
    assert.deepEqual(configuration.FileSystemConfigs, FileSystemConfigs);
  });

  test("is no way out of it for a function that puts a link in the place of another one's", async (t) => {
    if (!skipUnless(t, isIsolating(), "functions do not run as users of their own here", "run it as root"))
      return;
    const code = {
      "index.js": `const fs = require("node:fs");
        exports.handler = async ({ move }) => {
          for (const [path, target] of move ?? []) {
            fs.renameSync(path, path + "-before");
            fs.symlinkSync(target, path);
          }
          return fs.readdirSync("/mnt/shared");
        };`,
    };
    await deploy(lambda, "mover", code, { FileSystemConfigs });
    for (const [name, Arn] of [
      ["team", TEAM],
      ["other-team", OTHER_TEAM],
    ] as const)
      await deploy(lambda, name, code, { FileSystemConfigs: [{ Arn, LocalMountPath: "/mnt/shared" }] });
    assert.deepEqual((await invoke(lambda, "team")).body, []);
    const move = [
      ["/mnt/shared/team", "/"],
      ["/mnt/shared/teams", "/home/.."],
      ["/mnt/shared/log.txt", "/etc/passwd"],
    ];
    await invoke(lambda, "mover", { move });
    // What was shown before is shown still, what was not is not found any more.
    await deploy(lambda, "team-again", code, {
      FileSystemConfigs: [{ Arn: TEAM, LocalMountPath: "/mnt/shared" }],
    });
    assert.deepEqual((await invoke(lambda, "team-again")).body, []);
    await assert.rejects(invoke(lambda, "other-team"));
  });

  test("a function without it does not see it", async (t) => {
    if (!skipUnless(t, isIsolating(), "functions do not run as users of their own here", "run it as root"))
      return;
    await deploy(lambda, "without", {
      "index.js": `exports.handler = async () => require("node:fs").readdirSync("/mnt");`,
    });
    assert.deepEqual((await invoke(lambda, "without")).body, []);
  });
});
