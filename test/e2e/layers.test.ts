import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import {
  AddLayerVersionPermissionCommand,
  DeleteLayerVersionCommand,
  GetLayerVersionByArnCommand,
  GetLayerVersionCommand,
  GetLayerVersionPolicyCommand,
  LambdaClient,
  ListLayerVersionsCommand,
  PublishLayerVersionCommand,
  RemoveLayerVersionPermissionCommand,
  UpdateFunctionConfigurationCommand,
  waitUntilFunctionUpdatedV2,
} from "@aws-sdk/client-lambda";
import { clientConfiguration, deploy, invoke, lambdaClient, publishLayer, zipOf } from "../support/deploy.ts";
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

  const publish = async (name: string, files: Record<string, string>): Promise<string> =>
    publishLayer(lambda, name, await zipOf(files));
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

  test("Python is wrapped by a layer's script too", async () => {
    const python = lambent.banner.join(" ").match(/python3\.\d+/)?.[0];
    assert.ok(python, "no Python on this machine");
    const layer = await publish("python-wrapper", {
      "wrap-bootstrap": '#!/bin/sh\nexport WRAPPED=yes\nexec "$@"\n',
    });
    await deploy(
      lambda,
      "python-wrapped",
      { "index.py": "import os\ndef handler(event, context): return os.environ.get('WRAPPED')\n" },
      {
        Runtime: python as "python3.12",
        Layers: [layer],
        Environment: { Variables: { AWS_LAMBDA_EXEC_WRAPPER: "/opt/wrap-bootstrap" } },
      },
    );
    assert.equal((await invoke(lambda, "python-wrapped")).body, "yes");
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

  test("to other accounts a layer's policy opens the use of a version and nothing else", async () => {
    const arn = await publish("kept", { "a.txt": "a" });
    const LayerName = arn.slice(0, arn.lastIndexOf(":"));
    const target = { LayerName, VersionNumber: 1 };
    const permission = { StatementId: "me", Action: "lambda:GetLayerVersion", Principal: "111122223333" };
    const other = new LambdaClient({
      ...clientConfiguration(lambent.endpoint),
      credentials: { accessKeyId: "111122223333", secretAccessKey: "any" },
    });
    const refused = async (call: Promise<unknown>, action: string, resource: string): Promise<void> =>
      assert.rejects(call, {
        name: "AccessDeniedException",
        message: `User: arn:aws:iam::111122223333:root is not authorized to perform: ${action} on resource: ${resource} because no resource-based policy allows the ${action} action`,
      });
    const use = "lambda:GetLayerVersion";
    const refuseAllButUse = async (): Promise<void> => {
      const name = "lambda:ListLayerVersions";
      await refused(other.send(new ListLayerVersionsCommand({ LayerName })), name, LayerName);
      const content = { Content: { ZipFile: await zipOf({ "b.txt": "b" }) } };
      const publication = other.send(new PublishLayerVersionCommand({ LayerName, ...content }));
      await refused(publication, "lambda:PublishLayerVersion", LayerName);
      const addition = other.send(new AddLayerVersionPermissionCommand({ ...target, ...permission }));
      await refused(addition, "lambda:AddLayerVersionPermission", arn);
      const removal = other.send(new RemoveLayerVersionPermissionCommand({ ...target, StatementId: "me" }));
      await refused(removal, "lambda:RemoveLayerVersionPermission", arn);
      await refused(
        other.send(new GetLayerVersionPolicyCommand(target)),
        "lambda:GetLayerVersionPolicy",
        arn,
      );
      await refused(other.send(new DeleteLayerVersionCommand(target)), "lambda:DeleteLayerVersion", arn);
    };
    await refuseAllButUse();
    await refused(other.send(new GetLayerVersionCommand(target)), use, arn);
    await refused(other.send(new GetLayerVersionByArnCommand({ Arn: arn })), use, arn);
    const absent = other.send(
      new GetLayerVersionCommand({ LayerName: `${LayerName}-absent`, VersionNumber: 1 }),
    );
    await refused(absent, use, `${LayerName}-absent:1`);
    await lambda.send(new AddLayerVersionPermissionCommand({ ...target, ...permission }));
    assert.equal((await other.send(new GetLayerVersionCommand(target))).LayerVersionArn, arn);
    assert.equal((await other.send(new GetLayerVersionByArnCommand({ Arn: arn }))).LayerVersionArn, arn);
    await refuseAllButUse();
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
