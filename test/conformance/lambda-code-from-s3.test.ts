import assert from "node:assert/strict";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { after, before, describe, test } from "node:test";
import {
  type FunctionCode,
  GetFunctionConfigurationCommand,
  PublishLayerVersionCommand,
  UpdateFunctionCodeCommand,
} from "@aws-sdk/client-lambda";
import { CreateBucketCommand, PutBucketVersioningCommand, PutObjectCommand } from "@aws-sdk/client-s3";
import { createFunction } from "../support/created-functions.ts";
import { type LambdaEndpoint, openLambdaEndpoint } from "../support/lambda-endpoint.ts";
import { S3_KEYS, type S3Server, startS3Server } from "../support/s3-server.ts";
import { skipUnless } from "../support/skip.ts";
import { zipOf } from "../support/zip.ts";

const KEYS = { s3AccessKeyId: S3_KEYS.accessKeyId, s3SecretAccessKey: S3_KEYS.secretAccessKey };

const create = (endpoint: LambdaEndpoint, name: string, Code: FunctionCode) =>
  createFunction(endpoint, name, { Code });

const refused = (name: string, message: RegExp | string) => (error: Error & { message: string }) => {
  assert.equal(error.name, name);
  if (typeof message === "string") assert.equal(error.message, message);
  else assert.match(error.message, message);
  return true;
};

const getObject = (code: string, message: string): string =>
  `Error occurred while GetObject. S3 Error Code: ${code}. S3 Error Message: ${message}`;

describe("deployment packages in S3", () => {
  let started: Awaited<ReturnType<typeof startS3Server>>;
  let lambda: LambdaEndpoint;
  const versions: string[] = [];
  before(async () => {
    started = await startS3Server();
    if ("failure" in started) return;
    lambda = await openLambdaEndpoint({ s3: { s3Endpoint: started.endpoint, ...KEYS } });
    await started.client.send(new CreateBucketCommand({ Bucket: "packages" }));
    await started.client.send(
      new PutBucketVersioningCommand({
        Bucket: "packages",
        VersioningConfiguration: { Status: "Enabled" },
      }),
    );
    for (const text of ["one", "two"]) {
      const Body = await zipOf({ "index.mjs": text });
      const put = await started.client.send(
        new PutObjectCommand({ Bucket: "packages", Key: "a folder/code.zip", Body }),
      );
      versions.push(put.VersionId ?? "");
    }
  });
  after(async () => {
    await lambda?.close();
    if (started !== undefined && "stop" in started) await started.stop();
  });
  const here = (t: Parameters<typeof skipUnless>[0]): S3Server | undefined => {
    if (!("failure" in started)) return started;
    skipUnless(t, false, started.failure, started.howTo);
    return undefined;
  };

  test("a function and a layer are made from the newest version, or the one that is named", async (t) => {
    if (here(t) === undefined) return;
    const [one, two] = await Promise.all(
      ["one", "two"].map(async (text) => (await zipOf({ "index.mjs": text })).byteLength),
    );
    const source = { S3Bucket: "packages", S3Key: "a folder/code.zip" };
    const created = await create(lambda, "newest", source);
    assert.equal(created.CodeSize, two);
    await lambda.functions.idle();
    const updated = await lambda.client.send(
      new UpdateFunctionCodeCommand({ FunctionName: "newest", ...source, S3ObjectVersion: versions[0] }),
    );
    assert.notEqual(updated.CodeSha256, created.CodeSha256);
    assert.equal(updated.CodeSize, one);
    const layer = await lambda.client.send(
      new PublishLayerVersionCommand({ LayerName: "from-s3", Content: source }),
    );
    assert.equal(layer.Content?.CodeSha256, created.CodeSha256);
  });

  test("what the object store refuses is told in its own words, and nothing changes", async (t) => {
    if (here(t) === undefined) return;
    const InvalidParameterValue = "InvalidParameterValueException";
    await assert.rejects(
      create(lambda, "missing", { S3Bucket: "packages", S3Key: "no" }),
      refused(InvalidParameterValue, getObject("NoSuchKey", "The specified key does not exist.")),
    );
    await assert.rejects(
      create(lambda, "missing", { S3Bucket: "no-such-bucket", S3Key: "no" }),
      refused(InvalidParameterValue, getObject("NoSuchBucket", "The specified bucket does not exist.")),
    );
    await assert.rejects(
      lambda.client.send(new GetFunctionConfigurationCommand({ FunctionName: "missing" })),
      { name: "ResourceNotFoundException" },
    );
  });

  test("one source alone, and a whole one", async (t) => {
    if (here(t) === undefined) return;
    const sources: [FunctionCode, string][] = [
      [
        { S3Bucket: "packages", S3Key: "k", ZipFile: Buffer.from("zip") },
        "Please do not provide other FunctionCode parameters when providing a ZipFile.",
      ],
      [{}, "Please provide a source for function code."],
      [{ S3Bucket: "packages" }, "S3Key is required when code is taken from S3."],
      [
        { S3Bucket: "packages", S3Key: "k", S3ObjectStorageMode: "REFERENCE" },
        "S3ObjectStorageMode REFERENCE is not supported by this version of Lambent.",
      ],
    ];
    for (const [code, message] of sources) {
      await assert.rejects(create(lambda, "none", code), refused("InvalidParameterValueException", message));
    }
  });

  test("without a configured server it is refused, and the setting is named", async () => {
    const bare = await openLambdaEndpoint();
    try {
      await assert.rejects(
        create(bare, "none", { S3Bucket: "packages", S3Key: "k" }),
        refused("InvalidParameterValueException", /LAMBENT_S3_ENDPOINT/),
      );
    } finally {
      await bare.close();
    }
  });
});

describe("a hostile object store", () => {
  let server: Server;
  let lambda: LambdaEndpoint;
  let sentBytes = 0;
  before(async () => {
    server = createServer((request, response) => {
      if (request.url?.includes("endless")) {
        // No length is announced, and there is no end.
        const chunk = Buffer.alloc(1024 * 1024);
        const write = (): void => {
          sentBytes += chunk.byteLength;
          if (!response.destroyed) response.write(chunk, () => setImmediate(write));
        };
        return write();
      }
      if (request.url?.includes("claims")) {
        response.writeHead(200, { "content-length": String(60 * 1024 * 1024) });
        return response.write("PK");
      }
      request.socket.destroy();
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const { port } = server.address() as AddressInfo;
    lambda = await openLambdaEndpoint({ s3: { s3Endpoint: `http://127.0.0.1:${port}`, ...KEYS } });
  });
  after(async () => {
    await lambda?.close();
    server.closeAllConnections();
    server.close();
  });

  test("no more is read than a package may have", { timeout: 60_000 }, async () => {
    for (const key of ["endless", "claims"]) {
      await assert.rejects(
        create(lambda, "large", { S3Bucket: "bucket", S3Key: key }),
        refused("RequestEntityTooLargeException", "Zipped size must be smaller than 52428800 bytes"),
      );
    }
    assert.ok(sentBytes < 80 * 1024 * 1024, `${sentBytes} bytes were taken`);
  });

  test("one that hangs up is the caller's 400, not a 500", async () => {
    await assert.rejects(
      create(lambda, "broken", { S3Bucket: "bucket", S3Key: "k" }),
      refused(
        "InvalidParameterValueException",
        /^Error occurred while GetObject\. S3 Error Code: ServiceUnavailable\./,
      ),
    );
  });
});
