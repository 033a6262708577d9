import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import {
  AddLayerVersionPermissionCommand,
  DeleteLayerVersionCommand,
  LambdaClient,
  PublishLayerVersionCommand,
  UpdateFunctionConfigurationCommand,
  waitUntilFunctionUpdatedV2,
} from "@aws-sdk/client-lambda";
import { clientConfiguration, deploy, invoke, lambdaClient, zipOf } from "../support/deploy.ts";
import { type RunningLambent, startLambent } from "../support/start-lambent.ts";

describe("layers in /opt", () => {
  let lambent: RunningLambent;
  let lambda: ReturnType<typeof lambdaClient>;
  before(async () => {
    lambent = await startLambent();
    lambda = lambdaClient(lambent.endpoint);
  });
  after(async () => {
    assert.equal(await lambent?.stop(), 0);
  });

  const publish = async (LayerName: string, files: Record<string, string>): Promise<string> => {
    const { LayerVersionArn } = await lambda.send(
      new PublishLayerVersionCommand({ LayerName, Content: { ZipFile: await zipOf(files) } }),
    );
    return LayerVersionArn ?? "";
  };
  const updated = (FunctionName: string) =>
    waitUntilFunctionUpdatedV2(
      { client: lambda, maxWaitTime: 30, minDelay: 1, maxDelay: 1 },
      { FunctionName },
    );

  test("Node finds a library there, later layers win, an update reaches the next invocation", async () => {
    const first = await publish("one", {
      "nodejs/node_modules/greet/index.js": "module.exports = 'one';",
      "only-one.txt": "1",
    });
    const second = await publish("two", { "nodejs/node_modules/greet/index.js": "module.exports = 'two';" });
    const code = `const fs = require("node:fs");
      exports.handler = async () => {
        let refusal;
        try { fs.writeFileSync("/opt/new", "x"); } catch (error) { refusal = error.code; }
        return [require("greet"), fs.readdirSync("/opt").sort(), refusal];
      };`;
    await deploy(lambda, "node", { "index.js": code }, { Layers: [first, second] });
    assert.deepEqual((await invoke(lambda, "node")).body, ["two", ["nodejs", "only-one.txt"], "EROFS"]);
    await lambda.send(
      new UpdateFunctionConfigurationCommand({ FunctionName: "node", Layers: [second, first] }),
    );
    await updated("node");
    assert.deepEqual((await invoke(lambda, "node")).body, ["one", ["nodejs", "only-one.txt"], "EROFS"]);
    await lambda.send(new DeleteLayerVersionCommand({ LayerName: "one", VersionNumber: 1 }));
    await lambda.send(
      new UpdateFunctionConfigurationCommand({
        FunctionName: "node",
        // Read when a process starts: no environment of the reserve will do.
        Environment: { Variables: { NODE_OPTIONS: "--no-deprecation" } },
      }),
    );
    await updated("node");
    assert.deepEqual((await invoke(lambda, "node")).body, ["one", ["nodejs", "only-one.txt"], "EROFS"]);
  });

  test("Python finds modules there, with and without the version's directory", async () => {
    const python = lambent.banner.join(" ").match(/python3\.\d+/)?.[0];
    assert.ok(python, "no Python on this machine");
    const layer = await publish("py", {
      "python/plain.py": "WORD = 'plain'",
      [`python/lib/${python}/site-packages/versioned.py`]: "WORD = 'versioned'",
    });
    await deploy(
      lambda,
      "py",
      {
        "index.py":
          "import plain, versioned\ndef handler(event, context): return [plain.WORD, versioned.WORD]\n",
      },
      { Runtime: python as "python3.12", Layers: [layer] },
    );
    assert.deepEqual((await invoke(lambda, "py")).body, ["plain", "versioned"]);
  });

  test("a wrapper script and a program from a layer are used", async () => {
    const layer = await publish("wrapper", {
      "bin/bootstrap": "#!/bin/sh\necho from-a-layer\n",
      "wrap-bootstrap": '#!/bin/sh\nexport WRAPPED="by $(bootstrap)"\nexec "$@"\n',
    });
    await deploy(
      lambda,
      "wrapped",
      { "index.js": "exports.handler = async () => process.env.WRAPPED;" },
      { Layers: [layer], Environment: { Variables: { AWS_LAMBDA_EXEC_WRAPPER: "/opt/wrap-bootstrap" } } },
    );
    assert.equal((await invoke(lambda, "wrapped")).body, "by from-a-layer");
  });

  test("a layer of another account needs that account's permission", async () => {
    const layer = await publish("shared", {
      "nodejs/node_modules/shared/index.js": "module.exports = 'shared';",
    });
    const other = new LambdaClient({
      ...clientConfiguration(lambent.endpoint),
      credentials: { accessKeyId: "111122223333", secretAccessKey: "any" },
    });
    const make = () =>
      deploy(
        other,
        "borrows",
        { "index.js": 'exports.handler = async () => require("shared");' },
        { Layers: [layer], Role: "arn:aws:iam::111122223333:role/any" },
      );
    await assert.rejects(make(), { name: "AccessDeniedException" });
    await lambda.send(
      new AddLayerVersionPermissionCommand({
        LayerName: "shared",
        VersionNumber: 1,
        StatementId: "other",
        Action: "lambda:GetLayerVersion",
        Principal: "111122223333",
      }),
    );
    await make();
    assert.equal((await invoke(other, "borrows")).body, "shared");
    other.destroy();
  });

  test("an OS-only function without a bootstrap of its own has the layer's", async () => {
    const layer = await publish("runtime", {
      bootstrap: `#!/usr/bin/python3
import json, os, urllib.request
api = "http://" + os.environ["AWS_LAMBDA_RUNTIME_API"] + "/2018-06-01/runtime/invocation/"
while True:
    event = urllib.request.urlopen(api + "next")
    code = open("/var/task/code.txt").read()
    request = urllib.request.Request(api + event.headers["Lambda-Runtime-Aws-Request-Id"] + "/response", json.dumps(code).encode())
    urllib.request.urlopen(request).read()
`,
    });
    await deploy(
      lambda,
      "provided",
      { "code.txt": "interpreted" },
      { Runtime: "provided.al2023", Handler: "any", Layers: [layer] },
    );
    assert.equal((await invoke(lambda, "provided")).body, "interpreted");
  });
});
