import assert from "node:assert/strict";
import { readdir, readFile } from "node:fs/promises";
import { join, relative } from "node:path";
import { after, before, describe, test } from "node:test";
import { InvokeWithResponseStreamCommand } from "@aws-sdk/client-lambda";
import { deploy, invoke, lambdaClient } from "../support/deploy.ts";
import { type Installed, installAwsLambdaRic, installAwslambdaric } from "../support/official-clients.ts";
import { skipUnless } from "../support/skip.ts";
import { type RunningLambent, startLambent } from "../support/start-lambent.ts";

/** A directory's files as entries of a zip, below `prefix`. */
async function filesOf(directory: string, prefix: string): Promise<Record<string, Uint8Array>> {
  const files: Record<string, Uint8Array> = {};
  for (const entry of await readdir(directory, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name);
    const name = relative(directory, path);
    if (entry.isFile() && !/^(deps|node-addon-api|scripts)\//.test(name))
      files[`${prefix}${name}`] = await readFile(path);
  }
  return files;
}

const failureOf = (installed: Installed): { reason: string; howTo: string } => ({
  reason: installed.failure ?? "",
  howTo: "howTo" in installed ? installed.howTo : "",
});

describe("AWS's own runtime interface clients, unmodified, in a custom runtime", () => {
  let lambent: RunningLambent;
  let lambda: ReturnType<typeof lambdaClient>;
  before(async () => {
    lambent = await startLambent();
    lambda = lambdaClient(lambent.endpoint);
  });
  after(async () => {
    await lambent?.stop();
  });

  test("aws-lambda-ric for Node.js", async (t) => {
    const client = await installAwsLambdaRic();
    const { reason, howTo } = failureOf(client);
    if (!skipUnless(t, client.directory !== undefined, reason, howTo)) return;
    await deploy(
      lambda,
      "node-client",
      {
        ...(await filesOf(client.directory ?? "", "client/")),
        "index.js": `exports.handler = async (event, context) => {
          console.log("official", event.n);
          if (event.fail) throw new RangeError("asked to fail");
          return { n: event.n, id: context.awsRequestId, arn: context.invokedFunctionArn };
        };`,
        bootstrap: '#!/bin/sh\nexec /var/lambent/bin/node /var/task/client/index.mjs "$_HANDLER"\n',
      },
      { Runtime: "provided.al2023", MemorySize: 256 },
    );
    const good = await invoke(lambda, "node-client", { n: 5 });
    assert.equal(good.functionError, undefined, JSON.stringify(good));
    const body = good.body as { n: number; id: string; arn: string };
    assert.equal(body.n, 5);
    assert.match(body.id, /^[0-9a-f-]{36}$/);
    assert.equal(body.arn, "arn:aws:lambda:us-east-1:000000000000:function:node-client");
    assert.match(good.log, /\tINFO\tofficial 5/);
    const bad = await invoke(lambda, "node-client", { fail: true });
    assert.equal(bad.functionError, "Unhandled");
    assert.equal((bad.body as { errorType: string }).errorType, "RangeError");
  });

  test("aws-lambda-ric for Node.js streams", async (t) => {
    const client = await installAwsLambdaRic();
    const { reason, howTo } = failureOf(client);
    if (!skipUnless(t, client.directory !== undefined, reason, howTo)) return;
    await deploy(
      lambda,
      "node-client-streams",
      {
        ...(await filesOf(client.directory ?? "", "client/")),
        "index.js": `exports.handler = awslambda.streamifyResponse(async (event, stream) => {
          const http = awslambda.HttpResponseStream.from(stream, { statusCode: 200 });
          http.write("one");
          await new Promise((resolve) => setTimeout(resolve, 100));
          if (event.fail) throw new RangeError("asked to fail");
          http.end("two");
        });`,
        bootstrap: '#!/bin/sh\nexec /var/lambent/bin/node /var/task/client/index.mjs "$_HANDLER"\n',
      },
      { Runtime: "provided.al2023", MemorySize: 256 },
    );
    for (const fail of [false, true, false]) {
      const { EventStream } = await lambda.send(
        new InvokeWithResponseStreamCommand({
          FunctionName: "node-client-streams",
          Payload: JSON.stringify({ fail }),
        }),
      );
      let body = "";
      let error: string | undefined;
      for await (const { PayloadChunk, InvokeComplete } of EventStream ?? []) {
        body += Buffer.from(PayloadChunk?.Payload ?? []).toString();
        error = InvokeComplete?.ErrorCode;
      }
      const prelude = `{"statusCode":200}${"\0".repeat(8)}`;
      assert.deepEqual(
        [body, error],
        fail ? [`${prelude}one`, "RangeError"] : [`${prelude}onetwo`, undefined],
      );
    }
  });

  test("awslambdaric for Python", async (t) => {
    const python = "/usr/bin/python3";
    const client = await installAwslambdaric(python);
    const { reason, howTo } = failureOf(client);
    if (!skipUnless(t, client.directory !== undefined, reason, howTo)) return;
    await deploy(
      lambda,
      "python-client",
      {
        ...(await filesOf(client.directory ?? "", "")),
        "app.py":
          "def handler(event, context):\n    print('official', event['n'])\n    return {'n': event['n'], 'id': context.aws_request_id}\n",
        bootstrap: `#!/bin/sh\nexport PYTHONPATH=/var/task\nexec ${python} -m awslambdaric "$_HANDLER"\n`,
      },
      { Runtime: "provided.al2023", Handler: "app.handler", MemorySize: 256 },
    );
    const good = await invoke(lambda, "python-client", { n: 6 });
    assert.equal(good.functionError, undefined, JSON.stringify(good));
    assert.equal((good.body as { n: number }).n, 6);
    assert.match(good.log, /official 6/);
    const bad = await invoke(lambda, "python-client", {});
    assert.equal((bad.body as { errorType: string }).errorType, "KeyError");
  });
});
