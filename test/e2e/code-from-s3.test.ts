import assert from "node:assert/strict";
import { test } from "node:test";
import { PublishLayerVersionCommand } from "@aws-sdk/client-lambda";
import { CreateBucketCommand, PutObjectCommand, S3Client } from "@aws-sdk/client-s3";
import { clientConfiguration, deploy, invoke, lambdaClient, zipOf } from "../support/deploy.ts";
import { S3_KEYS, startS3Server } from "../support/s3-server.ts";
import { skipUnless } from "../support/skip.ts";
import { startLambent } from "../support/start-lambent.ts";

test("a function whose package lies in a bucket runs", { timeout: 120_000 }, async (t) => {
  const s3 = await startS3Server();
  if ("failure" in s3) {
    skipUnless(t, false, s3.failure, s3.howTo);
    return;
  }
  t.after(() => s3.stop());
  const lambent = await startLambent({
    environment: {
      LAMBENT_S3_ENDPOINT: s3.endpoint,
      LAMBENT_S3_ACCESS_KEY_ID: S3_KEYS.accessKeyId,
      LAMBENT_S3_SECRET_ACCESS_KEY: S3_KEYS.secretAccessKey,
    },
  });
  t.after(() => lambent.stop());
  const Body = await zipOf({ "index.mjs": 'export const handler = async () => "from a bucket";' });
  await s3.client.send(new CreateBucketCommand({ Bucket: "packages" }));
  await s3.client.send(new PutObjectCommand({ Bucket: "packages", Key: "code.zip", Body }));
  const lambda = lambdaClient(lambent.endpoint);
  await deploy(lambda, "bucketed", {}, { Code: { S3Bucket: "packages", S3Key: "code.zip" } });
  assert.equal((await invoke(lambda, "bucketed")).body, "from a bucket");
});

test("a function and a layer whose packages lie in the buckets of this Lambent run", {
  timeout: 60_000,
}, async (t) => {
  const lambent = await startLambent();
  t.after(() => lambent.stop());
  const s3 = new S3Client({ ...clientConfiguration(lambent.endpoint), forcePathStyle: true });
  t.after(() => s3.destroy());
  const Body = await zipOf({ "index.mjs": 'export const handler = async () => "from here";' });
  await s3.send(new CreateBucketCommand({ Bucket: "packages" }));
  await s3.send(new PutObjectCommand({ Bucket: "packages", Key: "a/code.zip", Body }));
  const lambda = lambdaClient(lambent.endpoint);
  await deploy(lambda, "embedded", {}, { Code: { S3Bucket: "packages", S3Key: "a/code.zip" } });
  assert.equal((await invoke(lambda, "embedded")).body, "from here");
  const Content = { S3Bucket: "packages", S3Key: "a/code.zip" };
  const layer = await lambda.send(new PublishLayerVersionCommand({ LayerName: "embedded", Content }));
  assert.equal(layer.Version, 1);
  await assert.rejects(deploy(lambda, "none", {}, { Code: { S3Bucket: "packages", S3Key: "none" } }), {
    name: "InvalidParameterValueException",
    message:
      "Error occurred while GetObject. S3 Error Code: NoSuchKey. S3 Error Message: The specified key does not exist.",
  });
});
