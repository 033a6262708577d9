import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import {
  AddPermissionCommand,
  GetFunctionCommand,
  InvokeCommand,
  LambdaClient,
} from "@aws-sdk/client-lambda";
import { deploy } from "../support/deploy.ts";
import { type RunningLambent, startLambent } from "../support/start-lambent.ts";

describe("a function of another account", () => {
  let lambent: RunningLambent;
  const clientOf = (account: string): LambdaClient =>
    new LambdaClient({
      endpoint: lambent.endpoint,
      region: "us-east-1",
      credentials: { accessKeyId: account, secretAccessKey: "any" },
      maxAttempts: 1,
    });
  const FunctionName = "arn:aws:lambda:us-east-1:111111111111:function:shared";

  before(async () => {
    lambent = await startLambent({});
    await deploy(
      clientOf("111111111111"),
      "shared",
      { "index.js": "exports.handler = async (event, { invokedFunctionArn }) => invokedFunctionArn;" },
      { Role: "arn:aws:iam::111111111111:role/service" },
    );
  });
  after(async () => {
    assert.equal(await lambent?.stop(), 0);
  });

  test("is invoked by its ARN as far as its policy says, and by nobody else", async () => {
    const other = clientOf("222222222222");
    const refused = {
      name: "AccessDeniedException",
      message: /no resource-based policy allows the lambda:InvokeFunction/,
    };
    await assert.rejects(other.send(new InvokeCommand({ FunctionName })), refused);
    await clientOf("111111111111").send(
      new AddPermissionCommand({
        FunctionName: "shared",
        StatementId: "other",
        Action: "lambda:InvokeFunction",
        Principal: "222222222222",
      }),
    );
    const { Payload } = await other.send(new InvokeCommand({ FunctionName }));
    assert.equal(JSON.parse(Buffer.from(Payload ?? []).toString()), FunctionName);
    await assert.rejects(clientOf("333333333333").send(new InvokeCommand({ FunctionName })), refused);
    await assert.rejects(
      other.send(new InvokeCommand({ FunctionName: FunctionName.replace("shared", "absent") })),
      refused,
    );
  });

  test("is not shown or changed by its ARN", async () => {
    await assert.rejects(clientOf("222222222222").send(new GetFunctionCommand({ FunctionName })), {
      name: "AccessDeniedException",
    });
  });
});
