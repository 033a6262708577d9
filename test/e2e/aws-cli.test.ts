import assert from "node:assert/strict";
import { execFile, spawn } from "node:child_process";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { promisify } from "node:util";
import { zipOf } from "../support/deploy.ts";
import { skipUnless } from "../support/skip.ts";
import { type RunningLambent, startLambent } from "../support/start-lambent.ts";

const run = promisify(execFile);

const runs = (program: string): Promise<boolean> =>
  run(program, ["--version"]).then(
    () => true,
    () => false,
  );

describe("a newcomer with the AWS CLI and nothing but AWS_ENDPOINT_URL", () => {
  let lambent: RunningLambent;
  let directory: string;
  const environment = (): NodeJS.ProcessEnv => ({
    PATH: process.env["PATH"],
    HOME: directory,
    AWS_ENDPOINT_URL: lambent.endpoint,
    AWS_ACCESS_KEY_ID: "any",
    AWS_SECRET_ACCESS_KEY: "any",
    AWS_DEFAULT_REGION: "us-east-1",
    AWS_PAGER: "",
  });
  const aws = async (...parameters: string[]): Promise<Record<string, unknown>> => {
    const { stdout } = await run("aws", [...parameters, "--output", "json"], {
      env: environment(),
      cwd: directory,
    });
    return stdout.trim() === "" ? {} : JSON.parse(stdout);
  };

  before(async () => {
    directory = await mkdtemp(join(tmpdir(), "lambent-cli-"));
    lambent = await startLambent();
  });
  after(async () => {
    await lambent?.stop();
    await rm(directory, { recursive: true, force: true });
  });

  test("create, wait, invoke with the log tail, update, publish, alias, logs, delete", async (t) => {
    if (!skipUnless(t, await runs("aws"), "the AWS CLI is not installed", "pip install awscli")) return;
    const zip = async (text: string): Promise<void> =>
      writeFile(
        join(directory, "code.zip"),
        await zipOf({
          "index.mjs": `export const handler = async (event) => { console.log("saw", event.n); return "${text}"; };`,
        }),
      );
    await zip("one");
    const created = await aws(
      "lambda",
      "create-function",
      "--function-name",
      "hello",
      "--runtime",
      "nodejs24.x",
      "--handler",
      "index.handler",
      "--role",
      "arn:aws:iam::000000000000:role/any",
      "--zip-file",
      "fileb://code.zip",
    );
    assert.equal(created["State"], "Pending");
    await aws("lambda", "wait", "function-active-v2", "--function-name", "hello");
    const invoked = await aws(
      "lambda",
      "invoke",
      "--function-name",
      "hello",
      "--log-type",
      "Tail",
      "--payload",
      '{"n":7}',
      "out.json",
    );
    assert.equal(await readFile(join(directory, "out.json"), "utf8"), '"one"');
    assert.match(Buffer.from(String(invoked["LogResult"]), "base64").toString(), /\tINFO\tsaw 7\n/);
    await zip("two");
    await aws("lambda", "update-function-code", "--function-name", "hello", "--zip-file", "fileb://code.zip");
    await aws("lambda", "wait", "function-updated-v2", "--function-name", "hello");
    assert.equal((await aws("lambda", "publish-version", "--function-name", "hello"))["Version"], "1");
    await aws("lambda", "wait", "published-version-active", "--function-name", "hello", "--qualifier", "1");
    await aws(
      "lambda",
      "create-alias",
      "--function-name",
      "hello",
      "--name",
      "live",
      "--function-version",
      "1",
    );
    await aws("lambda", "invoke", "--function-name", "hello:live", "out.json");
    assert.equal(await readFile(join(directory, "out.json"), "utf8"), '"two"');
    const events = (
      await aws(
        "logs",
        "filter-log-events",
        "--log-group-name",
        "/aws/lambda/hello",
        "--filter-pattern",
        '"saw 7"',
      )
    )["events"] as unknown[];
    assert.equal(events.length, 1);
    await aws("lambda", "delete-function", "--function-name", "hello");
    await assert.rejects(
      aws("lambda", "get-function", "--function-name", "hello"),
      /ResourceNotFoundException.*Function not found: arn:aws:lambda:us-east-1:000000000000:function:hello/s,
    );
  });

  test("logs tail --follow shows new lines as they come", async (t) => {
    const version = await run("aws", ["--version"]).then(
      ({ stdout }) => stdout,
      () => "",
    );
    const systemVersion = await run("/usr/bin/aws", ["--version"]).then(
      ({ stdout }) => stdout,
      () => "",
    );
    const program = version.startsWith("aws-cli/2") ? "aws" : "/usr/bin/aws";
    const isVersion2 = [version, systemVersion].some((text) => text.startsWith("aws-cli/2"));
    if (
      !skipUnless(t, isVersion2, "`aws logs tail` needs version 2 of the AWS CLI", "apt-get install awscli")
    )
      return;
    await writeFile(
      join(directory, "code.zip"),
      await zipOf({
        "index.mjs": 'export const handler = async (event) => { console.log("tailed", event.n); };',
      }),
    );
    await aws(
      "lambda",
      "create-function",
      "--function-name",
      "tailed",
      "--runtime",
      "nodejs24.x",
      "--handler",
      "index.handler",
      "--role",
      "arn:aws:iam::000000000000:role/any",
      "--zip-file",
      "fileb://code.zip",
    );
    await aws("lambda", "wait", "function-active-v2", "--function-name", "tailed");
    await aws("lambda", "invoke", "--function-name", "tailed", "--payload", '{"n":1}', "out.json");
    const tail = spawn(
      program,
      ["logs", "tail", "/aws/lambda/tailed", "--follow", "--endpoint-url", lambent.endpoint],
      { env: { ...environment(), PYTHONUNBUFFERED: "1" } },
    );
    let output = "";
    let errors = "";
    tail.stderr.on("data", (chunk: Buffer) => {
      errors += chunk.toString();
    });
    const saw = async (pattern: RegExp): Promise<void> => {
      while (!pattern.test(output)) {
        await new Promise<void>((resolve, reject) => {
          tail.stdout.once("data", (chunk: Buffer) => {
            output += chunk.toString();
            resolve();
          });
          tail.once("exit", () => reject(new Error(`the tail ended: ${errors}`)));
        });
      }
    };
    await saw(/tailed 1/);
    await aws("lambda", "invoke", "--function-name", "tailed", "--payload", '{"n":2}', "out.json");
    await saw(/tailed 2/);
    assert.equal(output.match(/tailed 1/g)?.length, 1, "a line is shown once");
    tail.kill("SIGKILL");
  });
});
