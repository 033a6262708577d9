import assert from "node:assert/strict";
import { rm } from "node:fs/promises";
import { after, before, describe, test } from "node:test";
import { CreateRoleCommand, IAMClient, PutRolePolicyCommand } from "@aws-sdk/client-iam";
import { AddPermissionCommand, type LambdaClient } from "@aws-sdk/client-lambda";
import {
  CreateBucketCommand,
  DeleteObjectCommand,
  GetBucketNotificationConfigurationCommand,
  ListObjectsV2Command,
  PutBucketNotificationConfigurationCommand,
  PutObjectCommand,
  S3Client,
} from "@aws-sdk/client-s3";
import { clientConfiguration, deploy, lambdaClient } from "../support/deploy.ts";
import { type RunningLambent, startLambent } from "../support/start-lambent.ts";

const FUNCTION_ARN = "arn:aws:lambda:us-east-1:000000000000:function:seen";
/** Writes each event that it gets into the bucket "seen", under the name of the object. */
const CODE = {
  "index.mjs": `import http from "node:http";
    const put = (path, body) => new Promise((resolve, reject) => {
      const { hostname, port } = new URL(process.env.AWS_ENDPOINT_URL);
      http.request({ hostname, port, method: "PUT", path, headers: { "content-length": Buffer.byteLength(body) } },
        (response) => { response.resume(); response.on("end", resolve); }).on("error", reject).end(body);
    });
    export const handler = async (event) => {
      for (const record of event.Records)
        await put("/seen/" + record.eventName + "/" + record.s3.object.key, JSON.stringify({ ...record, startedMs: Date.now() }));
    };`,
};

describe("a bucket's notifications", { timeout: 110_000 }, () => {
  let lambent: RunningLambent;
  let lambda: LambdaClient;
  let s3: S3Client;

  const connect = (): void => {
    lambda = lambdaClient(lambent.endpoint);
    s3 = new S3Client({ ...clientConfiguration(lambent.endpoint), forcePathStyle: true });
  };
  const configure = (): Promise<unknown> =>
    s3.send(
      new PutBucketNotificationConfigurationCommand({
        Bucket: "photos",
        NotificationConfiguration: {
          LambdaFunctionConfigurations: [
            {
              Id: "to-function",
              LambdaFunctionArn: FUNCTION_ARN,
              Events: ["s3:ObjectCreated:*", "s3:ObjectRemoved:*"],
              Filter: {
                Key: {
                  FilterRules: [
                    { Name: "prefix", Value: "in/" },
                    { Name: "suffix", Value: ".jpg" },
                  ],
                },
              },
            },
          ],
        },
      }),
    );
  const put = (Key: string): Promise<unknown> =>
    s3.send(new PutObjectCommand({ Bucket: "photos", Key, Body: "a picture" }));
  const seen = async (): Promise<string[]> => {
    const { Contents = [] } = await s3.send(new ListObjectsV2Command({ Bucket: "seen" }));
    return Contents.map(({ Key = "" }) => Key);
  };
  const untilSeen = async (...keys: string[]): Promise<void> => {
    for (let attempt = 0; attempt < 300; attempt++) {
      const there = await seen();
      if (keys.every((key) => there.includes(key))) return;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    assert.deepEqual(await seen(), keys);
  };
  const record = async (key: string): Promise<Record<string, unknown>> =>
    (await (await fetch(`${lambent.endpoint}/seen/${key}`)).json()) as Record<string, unknown>;

  before(async () => {
    lambent = await startLambent();
    connect();
    await s3.send(new CreateBucketCommand({ Bucket: "photos" }));
    await s3.send(new CreateBucketCommand({ Bucket: "seen" }));
    const iam = new IAMClient(clientConfiguration(lambent.endpoint));
    const allow = (statement: object): string =>
      JSON.stringify({ Version: "2012-10-17", Statement: [{ Effect: "Allow", ...statement }] });
    await iam.send(
      new CreateRoleCommand({
        RoleName: "test-role",
        AssumeRolePolicyDocument: allow({
          Principal: { Service: "lambda.amazonaws.com" },
          Action: "sts:AssumeRole",
        }),
      }),
    );
    await iam.send(
      new PutRolePolicyCommand({
        RoleName: "test-role",
        PolicyName: "puts",
        PolicyDocument: allow({ Action: "s3:PutObject", Resource: "arn:aws:s3:::seen/*" }),
      }),
    );
    await deploy(lambda, "seen", CODE);
  });
  after(async () => {
    const { dataDirectory } = lambent;
    await lambent.stop();
    await rm(dataDirectory, { recursive: true, force: true });
  });

  test("need the function's permission", async () => {
    await assert.rejects(configure(), (error: Error) => {
      assert.equal(error.name, "InvalidArgument");
      assert.match(error.message, /^Unable to validate the following destination configurations/);
      return true;
    });
    await lambda.send(
      new AddPermissionCommand({
        FunctionName: "seen",
        StatementId: "from-s3",
        Action: "lambda:InvokeFunction",
        Principal: "s3.amazonaws.com",
        SourceArn: "arn:aws:s3:::photos",
        SourceAccount: "000000000000",
      }),
    );
    await configure();
    const { LambdaFunctionConfigurations: kept } = await s3.send(
      new GetBucketNotificationConfigurationCommand({ Bucket: "photos" }),
    );
    assert.deepEqual(kept?.[0]?.Events, ["s3:ObjectCreated:*", "s3:ObjectRemoved:*"]);
    assert.equal(kept?.[0]?.Id, "to-function");
  });

  test("bring AWS's record to the function, for the keys that the filter lets through", async () => {
    await put("in/my photo.jpg");
    await put("in/text.txt");
    await put("out/other.jpg");
    await put("in/last.jpg");
    await s3.send(new DeleteObjectCommand({ Bucket: "photos", Key: "in/last.jpg" }));
    await untilSeen(
      "ObjectCreated:Put/in/my+photo.jpg",
      "ObjectCreated:Put/in/last.jpg",
      "ObjectRemoved:Delete/in/last.jpg",
    );
    assert.equal((await seen()).length, 3);
    const { s3: what, ...rest } = await record("ObjectCreated:Put/in/my%2Bphoto.jpg");
    assert.equal(rest.eventSource, "aws:s3");
    assert.equal(rest.awsRegion, "us-east-1");
    const { bucket, object, configurationId } = what as Record<string, Record<string, unknown>>;
    assert.equal(configurationId, "to-function");
    assert.equal(bucket?.arn, "arn:aws:s3:::photos");
    assert.equal(object?.key, "in/my+photo.jpg");
    assert.equal(object?.size, 9);
    assert.match(String(object?.sequencer), /^[0-9A-F]{18}$/);
  });

  test("of acknowledged objects survive a crash", async () => {
    const keys = Array.from({ length: 40 }, (_, index) => `in/crash-${index}.jpg`);
    const acknowledged: string[] = [];
    const uploads = Promise.all(
      keys.map((key) =>
        put(key).then(
          () => acknowledged.push(key),
          () => undefined,
        ),
      ),
    );
    while (acknowledged.length < 5) await new Promise((resolve) => setImmediate(resolve));
    await lambent.kill();
    await uploads;
    assert.ok(acknowledged.length >= 5);
    lambent = await startLambent({ dataDirectory: lambent.dataDirectory });
    connect();
    await untilSeen(...acknowledged.map((key) => `ObjectCreated:Put/${key}`));
    for (const key of acknowledged) {
      const response = await fetch(`${lambent.endpoint}/photos/${key}`);
      assert.equal(await response.text(), "a picture");
    }
  });
});
