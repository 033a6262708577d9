import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { promisify } from "node:util";
import { skipUnless } from "../support/skip.ts";
import { type RunningLambent, startLambent } from "../support/start-lambent.ts";

const run = promisify(execFile);
const works = (program: string, ...parameters: string[]): Promise<boolean> =>
  run(program, parameters).then(
    () => true,
    () => false,
  );

for (const authentication of ["open", "enforced"])
  describe(`S3's clients where access is ${authentication}`, { timeout: 110_000 }, () => {
    const keys = { id: "AKIAROOTROOTROOT0000", secret: "a-secret-of-the-root-user-0000" };
    let lambent: RunningLambent;
    let directory: string;
    const environment = (): NodeJS.ProcessEnv => ({
      PATH: process.env["PATH"],
      HOME: directory,
      AWS_ENDPOINT_URL: lambent.endpoint,
      AWS_ACCESS_KEY_ID: keys.id,
      AWS_SECRET_ACCESS_KEY: keys.secret,
      AWS_DEFAULT_REGION: "us-east-1",
      AWS_PAGER: "",
    });
    const aws = async (...parameters: string[]): Promise<string> =>
      (await run("aws", parameters, { env: environment(), cwd: directory })).stdout;

    before(async () => {
      directory = await mkdtemp(join(tmpdir(), "lambent-s3-"));
      lambent = await startLambent({
        environment: {
          LAMBENT_AUTHENTICATION: authentication,
          ...(authentication === "enforced" && {
            LAMBENT_ROOT_ACCESS_KEY_ID: keys.id,
            LAMBENT_ROOT_SECRET_ACCESS_KEY: keys.secret,
          }),
        },
      });
    });
    after(async () => {
      await lambent.stop();
      await rm(directory, { recursive: true, force: true });
    });

    test("boto3 transfers files in parts, copies, lists and presigns", async (t) => {
      if (
        !skipUnless(
          t,
          await works("python3", "-c", "import boto3"),
          "boto3 is not installed",
          "pip install boto3",
        )
      )
        return;
      const { stdout } = await run("python3", [join(import.meta.dirname, "boto3-s3.py"), directory], {
        env: environment(),
      });
      assert.equal(stdout.trim(), "done");
    });

    test("the AWS CLI copies, synchronises, lists and removes", async (t) => {
      if (
        !skipUnless(t, await works("aws", "--version"), "the AWS CLI is not installed", "pip install awscli")
      )
        return;
      await aws("s3", "mb", "s3://cli-bucket");
      const tree = join(directory, "tree");
      await mkdir(join(tree, "deep"), { recursive: true });
      await writeFile(join(tree, "one.txt"), "one");
      await writeFile(join(tree, "deep", "two words.txt"), "two");
      await writeFile(join(tree, "large.bin"), Buffer.alloc(20 << 20, "x"));
      await aws("s3", "sync", tree, "s3://cli-bucket/tree");
      assert.equal(await aws("s3", "sync", tree, "s3://cli-bucket/tree"), "");
      const back = join(directory, "back");
      await aws("s3", "cp", "--recursive", "s3://cli-bucket/tree", back);
      assert.deepEqual((await readdir(back)).toSorted(), ["deep", "large.bin", "one.txt"]);
      assert.equal(await readFile(join(back, "deep", "two words.txt"), "utf8"), "two");
      assert.equal((await readFile(join(back, "large.bin"))).length, 20 << 20);
      assert.match(await aws("s3", "ls", "s3://cli-bucket/tree/"), /PRE deep\//);
      await aws("s3", "rb", "--force", "s3://cli-bucket");
      assert.doesNotMatch(await aws("s3", "ls"), /cli-bucket/);
    });
  });
