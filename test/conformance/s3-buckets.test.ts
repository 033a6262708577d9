import assert from "node:assert/strict";
import { createHash, createHmac } from "node:crypto";
import { after, before, describe, test } from "node:test";
import * as sdk from "@aws-sdk/client-s3";
import { clientConfiguration } from "../support/deploy.ts";
import { openS3Conformance, refused, type S3Conformance } from "../support/s3-conformance.ts";

const Bucket = "conformance";
let opened: S3Conformance;
let s3: sdk.S3Client;
const put: S3Conformance["put"] = (...given) => opened.put(...given);
const raw: S3Conformance["raw"] = (...given) => opened.raw(...given);

before(async () => {
  opened = await openS3Conformance(Bucket);
  ({ s3 } = opened);
});
after(() => opened.close());

describe("buckets", () => {
  test("are created, listed, found and deleted; names and owners are checked", async () => {
    await refused(s3.send(new sdk.CreateBucketCommand({ Bucket: "Not_A_Name" })), "InvalidBucketName", 400);
    const west = new sdk.S3Client({
      ...clientConfiguration(opened.lambent.endpoint),
      region: "eu-west-1",
      forcePathStyle: true,
    });
    const CreateBucketConfiguration = { LocationConstraint: "eu-west-1" } as const;
    await west.send(new sdk.CreateBucketCommand({ Bucket: "west-bucket", CreateBucketConfiguration }));
    await refused(
      west.send(new sdk.CreateBucketCommand({ Bucket: "west-bucket", CreateBucketConfiguration })),
      "BucketAlreadyOwnedByYou",
      409,
    );
    const location = await west.send(new sdk.GetBucketLocationCommand({ Bucket: "west-bucket" }));
    assert.equal(location.LocationConstraint, "eu-west-1");
    const head = await s3.send(new sdk.HeadBucketCommand({ Bucket: "west-bucket" }));
    assert.equal(head.BucketRegion, "eu-west-1");
    const { Buckets } = await s3.send(new sdk.ListBucketsCommand({}));
    assert.deepEqual(
      Buckets?.map(({ Name }) => Name),
      [Bucket, "west-bucket"],
    );
    await s3.send(new sdk.DeleteBucketCommand({ Bucket: "west-bucket" }));
    await refused(s3.send(new sdk.HeadBucketCommand({ Bucket: "west-bucket" })), "NotFound", 404);
    await refused(s3.send(new sdk.ListObjectsV2Command({ Bucket: "west-bucket" })), "NoSuchBucket", 404);
    west.destroy();
  });

  test("with anything in them stay", async () => {
    await s3.send(new sdk.CreateBucketCommand({ Bucket: "full-bucket" }));
    await s3.send(new sdk.PutObjectCommand({ Bucket: "full-bucket", Key: "a", Body: "" }));
    await refused(s3.send(new sdk.DeleteBucketCommand({ Bucket: "full-bucket" })), "BucketNotEmpty", 409);
    await s3.send(new sdk.DeleteObjectCommand({ Bucket: "full-bucket", Key: "a" }));
    await s3.send(new sdk.DeleteBucketCommand({ Bucket: "full-bucket" }));
  });

  test("keep tags, CORS rules and a policy", async () => {
    await refused(s3.send(new sdk.GetBucketTaggingCommand({ Bucket })), "NoSuchTagSet", 404);
    const TagSet = [{ Key: "team", Value: "a" }];
    await s3.send(new sdk.PutBucketTaggingCommand({ Bucket, Tagging: { TagSet } }));
    assert.deepEqual((await s3.send(new sdk.GetBucketTaggingCommand({ Bucket }))).TagSet, TagSet);
    await s3.send(new sdk.DeleteBucketTaggingCommand({ Bucket }));
    await refused(s3.send(new sdk.GetBucketPolicyCommand({ Bucket })), "NoSuchBucketPolicy", 404);
    const Policy = JSON.stringify({
      Version: "2012-10-17",
      Statement: [
        { Effect: "Deny", Principal: "*", Action: "s3:DeleteBucket", Resource: `arn:aws:s3:::${Bucket}` },
      ],
    });
    await s3.send(new sdk.PutBucketPolicyCommand({ Bucket, Policy }));
    assert.equal((await s3.send(new sdk.GetBucketPolicyCommand({ Bucket }))).Policy, Policy);
    await s3.send(new sdk.DeleteBucketPolicyCommand({ Bucket }));
    await refused(
      s3.send(new sdk.PutBucketPolicyCommand({ Bucket, Policy: Policy.replace(Bucket, "other") })),
      "MalformedPolicy",
      400,
    );
  });

  test("answer browsers as their CORS rules say", async () => {
    const preflight = { origin: "http://a.example", "access-control-request-method": "PUT" };
    assert.equal((await raw(`/${Bucket}/x`, { method: "OPTIONS", headers: preflight })).status, 403);
    await s3.send(
      new sdk.PutBucketCorsCommand({
        Bucket,
        CORSConfiguration: {
          CORSRules: [
            {
              AllowedOrigins: ["http://*.example"],
              AllowedMethods: ["PUT", "GET"],
              AllowedHeaders: ["x-*"],
              ExposeHeaders: ["ETag"],
              MaxAgeSeconds: 30,
            },
          ],
        },
      }),
    );
    const allowed = await raw(`/${Bucket}/x`, {
      method: "OPTIONS",
      headers: { ...preflight, "access-control-request-headers": "X-One, x-two" },
    });
    assert.equal(allowed.status, 200);
    assert.equal(allowed.headers["access-control-allow-origin"], "http://a.example");
    assert.equal(allowed.headers["access-control-allow-headers"], "x-one, x-two");
    assert.equal(allowed.headers["access-control-max-age"], "30");
    await put("cors");
    const read = await raw(`/${Bucket}/cors`, { headers: { origin: "http://a.example" } });
    assert.equal(read.headers["access-control-expose-headers"], "ETag");
    const other = await raw(`/${Bucket}/cors`, { headers: { origin: "http://a.other" } });
    assert.equal(other.headers["access-control-allow-origin"], undefined);
    await s3.send(new sdk.DeleteBucketCorsCommand({ Bucket }));
  });
});

describe("listings", () => {
  const list = async (
    more: Partial<sdk.ListObjectsV2CommandInput>,
  ): Promise<sdk.ListObjectsV2CommandOutput> =>
    s3.send(new sdk.ListObjectsV2Command({ Bucket: "listed", ...more }));
  const keys = ["a", "b/1", "b/2", "b/c/3", "d e", "\uffff", "\u{1f600}"];
  before(async () => {
    await s3.send(new sdk.CreateBucketCommand({ Bucket: "listed" }));
    for (const Key of keys.toReversed())
      await s3.send(new sdk.PutObjectCommand({ Bucket: "listed", Key, Body: Key }));
  });

  test("are in the order of UTF-8, page by page", async () => {
    const found: string[] = [];
    for await (const page of sdk.paginateListObjectsV2({ client: s3, pageSize: 2 }, { Bucket: "listed" }))
      found.push(...(page.Contents ?? []).map(({ Key = "" }) => Key));
    assert.deepEqual(found, keys);
    const first = await s3.send(new sdk.ListObjectsCommand({ Bucket: "listed", MaxKeys: 3 }));
    assert.equal(first.IsTruncated, true);
    const rest = await s3.send(new sdk.ListObjectsCommand({ Bucket: "listed", Marker: "b/2" }));
    assert.deepEqual(
      rest.Contents?.map(({ Key }) => Key),
      keys.slice(3),
    );
  });

  test("group keys by a delimiter", async () => {
    const names = ({ Contents, CommonPrefixes }: sdk.ListObjectsV2CommandOutput): unknown => [
      Contents?.map(({ Key }) => Key) ?? [],
      CommonPrefixes?.map(({ Prefix }) => Prefix) ?? [],
    ];
    assert.deepEqual(names(await list({ Delimiter: "/", MaxKeys: 2 })), [["a"], ["b/"]]);
    const page = await list({ Delimiter: "/", MaxKeys: 2 });
    const next = await list({ Delimiter: "/", ContinuationToken: page.NextContinuationToken });
    assert.deepEqual(names(next), [keys.slice(4), []]);
    assert.deepEqual(names(await list({ Prefix: "b/", Delimiter: "/" })), [["b/1", "b/2"], ["b/c/"]]);
    assert.deepEqual(names(await list({ StartAfter: "b/2", Delimiter: "/", MaxKeys: 1 })), [[], ["b/"]]);
    assert.deepEqual(names(await list({ Prefix: "d", EncodingType: "url" })), [["d%20e"], []]);
    await refused(list({ ContinuationToken: "?" }), "InvalidArgument", 400);
  });
});

describe("versions", () => {
  test("are kept, listed, marked as deleted and removed", async () => {
    const client = (Key: string): sdk.PutObjectCommandInput => ({ Bucket: "versions", Key });
    await s3.send(new sdk.CreateBucketCommand({ Bucket: "versions" }));
    await s3.send(new sdk.PutObjectCommand({ ...client("k"), Body: "zero" }));
    const Status = "Enabled" as const;
    await s3.send(
      new sdk.PutBucketVersioningCommand({ Bucket: "versions", VersioningConfiguration: { Status } }),
    );
    const ids: (string | undefined)[] = ["null"];
    for (const Body of ["one", "two"])
      ids.push((await s3.send(new sdk.PutObjectCommand({ ...client("k"), Body }))).VersionId);
    const read = async (VersionId?: string): Promise<string | undefined> =>
      (await s3.send(new sdk.GetObjectCommand({ ...client("k"), VersionId }))).Body?.transformToString();
    assert.equal(await read(), "two");
    assert.equal(await read(ids[1]), "one");
    assert.equal(await read("null"), "zero");
    const marker = await s3.send(new sdk.DeleteObjectCommand(client("k")));
    assert.equal(marker.DeleteMarker, true);
    await refused(read(), "NoSuchKey", 404);
    await refused(read(marker.VersionId), "MethodNotAllowed", 405);
    await refused(read("0".repeat(32)), "NoSuchVersion", 404);
    const all = await s3.send(new sdk.ListObjectVersionsCommand({ Bucket: "versions" }));
    assert.deepEqual(
      all.Versions?.map(({ VersionId }) => VersionId),
      ids.toReversed(),
    );
    assert.equal(all.DeleteMarkers?.[0]?.IsLatest, true);
    const page = await s3.send(new sdk.ListObjectVersionsCommand({ Bucket: "versions", MaxKeys: 2 }));
    const rest = await s3.send(
      new sdk.ListObjectVersionsCommand({
        Bucket: "versions",
        KeyMarker: page.NextKeyMarker,
        VersionIdMarker: page.NextVersionIdMarker,
      }),
    );
    assert.deepEqual(
      rest.Versions?.map(({ VersionId }) => VersionId),
      [ids[1], ids[0]],
    );
    await s3.send(new sdk.DeleteObjectCommand({ ...client("k"), VersionId: marker.VersionId }));
    assert.equal(await read(), "two");
    for (const VersionId of ids) await s3.send(new sdk.DeleteObjectCommand({ ...client("k"), VersionId }));
    await s3.send(new sdk.DeleteBucketCommand({ Bucket: "versions" }));
  });
});

describe("requests", () => {
  test("name the bucket in the path or in the host", async () => {
    await put("host.txt");
    const hosts = ["s3.localhost", "s3.us-east-1.localhost"];
    const { port } = new URL(opened.lambent.endpoint);
    for (const host of hosts) {
      assert.equal(
        (await raw("/host.txt", { headers: { host: `${Bucket}.${host}:${port}` } })).text,
        "hello",
      );
      assert.equal((await raw(`/${Bucket}/host.txt`, { headers: { host } })).text, "hello");
    }
    assert.equal((await raw("/host.txt", { headers: { host: `${Bucket}.localhost` } })).text, "hello");
    assert.match((await raw("/x", { headers: { host: "none.s3.localhost" } })).text, /NoSuchBucket/);
    assert.match((await raw("/none-such/x")).text, /names no AWS service/);
  });

  test("may be presigned", async () => {
    const url = presigned("PUT", `/${Bucket}/presigned`);
    assert.equal((await raw(url, { method: "PUT", body: "by url" })).status, 200);
    assert.equal((await raw(presigned("GET", `/${Bucket}/presigned`))).text, "by url");
  });
});

/** A presigned URL's path and query, as the SDKs make them. */
function presigned(method: string, path: string): string {
  const date = new Date().toISOString().replaceAll(/[-:]|\.\d{3}/g, "");
  const scope = `${date.slice(0, 8)}/us-east-1/s3/aws4_request`;
  const query = new URLSearchParams({
    "X-Amz-Algorithm": "AWS4-HMAC-SHA256",
    "X-Amz-Credential": `test/${scope}`,
    "X-Amz-Date": date,
    "X-Amz-Expires": "60",
    "X-Amz-SignedHeaders": "host",
  }).toString();
  const { host } = new URL(opened.lambent.endpoint);
  const canonical = [method, path, query, `host:${host}\n`, "host", "UNSIGNED-PAYLOAD"].join("\n");
  const hash = createHash("sha256").update(canonical).digest("hex");
  const key = [date.slice(0, 8), "us-east-1", "s3", "aws4_request"].reduce<string | Buffer>(
    (secret, part) => createHmac("sha256", secret).update(part).digest(),
    "AWS4test",
  );
  const toSign = `AWS4-HMAC-SHA256\n${date}\n${scope}\n${hash}`;
  const signature = createHmac("sha256", key).update(toSign).digest("hex");
  return `${path}?${query}&X-Amz-Signature=${signature}`;
}
