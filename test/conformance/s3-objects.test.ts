import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { Readable } from "node:stream";
import { after, before, describe, test } from "node:test";
import * as sdk from "@aws-sdk/client-s3";
import { HELLO_ETAG, openS3Conformance, refused, type S3Conformance } from "../support/s3-conformance.ts";

const Bucket = "conformance";
let opened: S3Conformance;
let s3: sdk.S3Client;
const put: S3Conformance["put"] = (...given) => opened.put(...given);
const get: S3Conformance["get"] = (...given) => opened.get(...given);
const text: S3Conformance["text"] = (...given) => opened.text(...given);
const raw: S3Conformance["raw"] = (...given) => opened.raw(...given);

before(async () => {
  opened = await openS3Conformance(Bucket);
  ({ s3 } = opened);
});
after(() => opened.close());

describe("objects", () => {
  test("come back as they were put, with what was said about them", async () => {
    const { ETag } = await put("a folder/ä+b.txt", "hello", {
      ContentType: "text/plain",
      CacheControl: "max-age=1",
      ContentEncoding: "identity",
      Metadata: { owner: "me" },
      Tagging: "a=1&b=2",
      StorageClass: "STANDARD_IA",
    });
    assert.equal(ETag, HELLO_ETAG);
    const object = await get("a folder/ä+b.txt");
    assert.equal(await object.Body?.transformToString(), "hello");
    assert.equal(object.ContentType, "text/plain");
    assert.equal(object.CacheControl, "max-age=1");
    assert.deepEqual(object.Metadata, { owner: "me" });
    assert.equal(object.TagCount, 2);
    assert.equal(object.StorageClass, "STANDARD_IA");
    const head = await s3.send(new sdk.HeadObjectCommand({ Bucket, Key: "a folder/ä+b.txt" }));
    assert.equal(head.ContentLength, 5);
    assert.equal(await text("a folder/ä+b.txt", { ResponseContentType: "x/y" }), "hello");
  });

  test("may have keys that end in slashes or have empty segments", async () => {
    for (const key of ["dir/", "/lead", "a//b", "..", "a/../b", "service/x"]) {
      await put(key, key);
      assert.equal(await text(key), key);
    }
  });

  test("may be empty", async () => {
    await put("empty", "");
    assert.equal(await text("empty"), "");
    await refused(get("empty", { Range: "bytes=0-" }), "InvalidRange", 416);
  });

  test("are read in ranges", async () => {
    await put("ranges", "0123456789");
    for (const [Range, expected, ContentRange] of [
      ["bytes=2-4", "234", "bytes 2-4/10"],
      ["bytes=7-", "789", "bytes 7-9/10"],
      ["bytes=-2", "89", "bytes 8-9/10"],
      ["bytes=5-100", "56789", "bytes 5-9/10"],
    ] as const) {
      const part = await get("ranges", { Range });
      assert.equal(part.$metadata.httpStatusCode, 206);
      assert.equal(part.ContentRange, ContentRange);
      assert.equal(await part.Body?.transformToString(), expected);
    }
    await refused(get("ranges", { Range: "bytes=10-" }), "InvalidRange", 416);
    assert.equal(await text("ranges", { Range: "bytes=0-1,4-5" }), "0123456789");
  });

  test("are read and written under conditions", async () => {
    await put("conditions");
    const past = new Date(Date.now() - 86_400_000);
    const future = new Date(Date.now() + 86_400_000);
    assert.equal(await text("conditions", { IfMatch: HELLO_ETAG, IfUnmodifiedSince: past }), "hello");
    await refused(get("conditions", { IfMatch: '"other"' }), "PreconditionFailed", 412);
    await refused(get("conditions", { IfUnmodifiedSince: past }), "PreconditionFailed", 412);
    await refused(get("conditions", { IfNoneMatch: HELLO_ETAG }), "Unknown", 304);
    await refused(get("conditions", { IfModifiedSince: future }), "Unknown", 304);
    await refused(put("conditions", "x", { IfNoneMatch: "*" }), "PreconditionFailed", 412);
    await refused(put("conditions", "x", { IfMatch: '"other"' }), "PreconditionFailed", 412);
    await refused(put("not there", "x", { IfMatch: HELLO_ETAG }), "NoSuchKey", 404);
    await put("conditions", "changed", { IfMatch: HELLO_ETAG });
    await put("new", "x", { IfNoneMatch: "*" });
    const both = await Promise.allSettled([1, 2, 3].map(() => put("one only", "x", { IfNoneMatch: "*" })));
    assert.equal(both.filter(({ status }) => status === "fulfilled").length, 1);
  });

  test("are checked against the checksums that come with them", async () => {
    for (const ChecksumAlgorithm of ["CRC32", "CRC32C", "CRC64NVME", "SHA1", "SHA256"] as const) {
      const made = await put("sums", "hello", { ChecksumAlgorithm });
      const name = `Checksum${ChecksumAlgorithm}` as const;
      assert.ok(made[name]);
      const head = await s3.send(new sdk.HeadObjectCommand({ Bucket, Key: "sums", ChecksumMode: "ENABLED" }));
      assert.equal(head[name], made[name]);
      assert.equal(head.ChecksumType, "FULL_OBJECT");
    }
    await refused(put("sums", "other", { ChecksumCRC32: "NhCmhg==" }), "BadDigest", 400);
    await refused(put("sums", "other", { ContentMD5: "XUFAKrxLKna5cZ2REBfFkg==" }), "BadDigest", 400);
    assert.equal(await text("sums"), "hello");
    const attributes = await s3.send(
      new sdk.GetObjectAttributesCommand({
        Bucket,
        Key: "sums",
        ObjectAttributes: ["Checksum", "ObjectSize"],
      }),
    );
    assert.equal(attributes.ObjectSize, 5);
    assert.equal(attributes.Checksum?.ChecksumSHA256, "LPJNul+wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ=");
  });

  test("come in as streams, with a checksum at their end", async () => {
    const Body = Readable.from([Buffer.alloc(100_000, 1), Buffer.alloc(70_000, 2)]);
    const made = await s3.send(
      new sdk.PutObjectCommand({ Bucket, Key: "streamed", Body, ContentLength: 170_000 }),
    );
    assert.ok(made.ChecksumCRC32);
    assert.equal((await (await get("streamed")).Body?.transformToByteArray())?.length, 170_000);
  });

  test("come in as chunks, whose end must be as it was announced", async () => {
    const chunked = (body: string, decoded: number): Promise<{ status: number; text: string }> =>
      raw(`/${Bucket}/chunked`, {
        method: "PUT",
        body,
        headers: {
          "content-encoding": "aws-chunked,gzip",
          "x-amz-content-sha256": "STREAMING-UNSIGNED-PAYLOAD-TRAILER",
          "x-amz-decoded-content-length": String(decoded),
          "x-amz-trailer": "x-amz-checksum-crc32",
        },
      });
    const trailer = "x-amz-checksum-crc32:NhCmhg==\r\n\r\n";
    assert.equal((await chunked(`2\r\nhe\r\n3\r\nllo\r\n0\r\n${trailer}`, 5)).status, 200);
    assert.equal((await get("chunked")).ContentEncoding, "gzip");
    assert.match((await chunked(`5\r\nhellO\r\n0\r\n${trailer}`, 5)).text, /<Code>BadDigest</);
    assert.match((await chunked(`5\r\nhello\r\n0\r\n${trailer}`, 6)).text, /<Code>IncompleteBody</);
    assert.match((await chunked(`5\r\nhello\r\n0\r\n\r\n`, 5)).text, /<Code>MalformedTrailerError</);
    assert.match((await chunked(`zz\r\n`, 5)).text, /<Code>InvalidRequest</);
  });

  test("are copied with or without what was said about them", async () => {
    await put("source", "hello", { Metadata: { a: "1" }, ContentType: "text/plain" });
    const CopySource = `${Bucket}/source`;
    const copy = (Key: string, more: Partial<sdk.CopyObjectCommandInput> = {}) =>
      s3.send(new sdk.CopyObjectCommand({ Bucket, Key, CopySource, ...more }));
    assert.equal((await copy("copy 1")).CopyObjectResult?.ETag, HELLO_ETAG);
    assert.deepEqual((await get("copy 1")).Metadata, { a: "1" });
    await copy("copy 2", { MetadataDirective: "REPLACE", Metadata: { b: "2" } });
    assert.deepEqual((await get("copy 2")).Metadata, { b: "2" });
    await refused(copy("source"), "InvalidRequest", 400);
    await refused(copy("x", { CopySourceIfNoneMatch: HELLO_ETAG }), "PreconditionFailed", 412);
    await refused(copy("x", { CopySource: `${Bucket}/none` }), "NoSuchKey", 404);
  });

  test("have tags", async () => {
    await put("tagged");
    const TagSet = [{ Key: "k", Value: "v" }];
    await s3.send(new sdk.PutObjectTaggingCommand({ Bucket, Key: "tagged", Tagging: { TagSet } }));
    const tags = await s3.send(new sdk.GetObjectTaggingCommand({ Bucket, Key: "tagged" }));
    assert.deepEqual(tags.TagSet, TagSet);
    await s3.send(new sdk.DeleteObjectTaggingCommand({ Bucket, Key: "tagged" }));
    assert.equal((await get("tagged")).TagCount, undefined);
  });

  test("are deleted one by one or together", async () => {
    await put("gone 1");
    await put("gone 2");
    await s3.send(new sdk.DeleteObjectCommand({ Bucket, Key: "gone 1" }));
    await s3.send(new sdk.DeleteObjectCommand({ Bucket, Key: "gone 1" }));
    const deleted = await s3.send(
      new sdk.DeleteObjectsCommand({ Bucket, Delete: { Objects: [{ Key: "gone 1" }, { Key: "gone 2" }] } }),
    );
    assert.equal(deleted.Deleted?.length, 2);
    await refused(get("gone 2"), "NoSuchKey", 404);
  });

  test("what there is not is refused by name", async () => {
    await refused(put("x", "x", { ACL: "public-read" }), "NotImplemented", 501);
    await refused(put("x", "x", { ServerSideEncryption: "aws:kms" }), "NotImplemented", 501);
    await refused(put("x", "x", { ObjectLockLegalHoldStatus: "ON" }), "NotImplemented", 501);
    await refused(put("x", "x", { StorageClass: "GLACIER" }), "NotImplemented", 501);
    await refused(s3.send(new sdk.GetBucketWebsiteCommand({ Bucket })), "NotImplemented", 501);
    const answer = await raw(`/${Bucket}/none`);
    assert.match(
      answer.text,
      /<Error><Code>NoSuchKey<\/Code>.*<Key>none<\/Key><Resource>\/conformance\/none</,
    );
    assert.match(answer.text, /<RequestId>.+<\/RequestId><HostId>.+<\/HostId><\/Error>$/);
    assert.ok(answer.headers["x-amz-request-id"]);
  });
});

describe("multipart uploads", () => {
  const FIVE_MB = Buffer.alloc(5 * 1024 * 1024, "a");
  const start = async (Key: string, more: Partial<sdk.CreateMultipartUploadCommandInput> = {}) => {
    const { UploadId } = await s3.send(new sdk.CreateMultipartUploadCommand({ Bucket, Key, ...more }));
    return { Bucket, Key, UploadId };
  };
  type Upload = Awaited<ReturnType<typeof start>>;
  const part = (upload: Upload, PartNumber: number, Body: Uint8Array | string) =>
    s3.send(new sdk.UploadPartCommand({ ...upload, PartNumber, Body }));

  test("become one object, with AWS's ETag", async () => {
    const upload = await start("multi", { ContentType: "x/y" });
    const two = await part(upload, 2, "end");
    const one = await part(upload, 1, FIVE_MB);
    const listed = await s3.send(new sdk.ListPartsCommand(upload));
    assert.deepEqual(
      listed.Parts?.map(({ PartNumber, Size }) => [PartNumber, Size]),
      [
        [1, FIVE_MB.length],
        [2, 3],
      ],
    );
    const Parts = [
      { PartNumber: 1, ETag: one.ETag },
      { PartNumber: 2, ETag: two.ETag },
    ];
    const complete = (MultipartUpload: sdk.CompletedMultipartUpload) =>
      s3.send(new sdk.CompleteMultipartUploadCommand({ ...upload, MultipartUpload }));
    await refused(complete({ Parts: Parts.toReversed() }), "InvalidPartOrder", 400);
    await refused(complete({ Parts: [{ PartNumber: 1, ETag: '"x"' }] }), "InvalidPart", 400);
    const { ETag } = await complete({ Parts });
    const md5 = (data: Uint8Array | string): Buffer => createHash("md5").update(data).digest();
    const expected = createHash("md5").update(md5(FIVE_MB)).update(md5("end")).digest("hex");
    assert.equal(ETag, `"${expected}-2"`);
    assert.equal((await complete({ Parts })).ETag, ETag);
    assert.equal(await text("multi", { Range: `bytes=${FIVE_MB.length - 2}-` }), "aaend");
    const second = await get("multi", { PartNumber: 2 });
    assert.equal(second.PartsCount, 2);
    assert.equal(await second.Body?.transformToString(), "end");
    assert.equal((await get("multi")).ContentType, "x/y");
  });

  test("take parts of other objects, and refuse small ones", async () => {
    await put("part source", FIVE_MB);
    const upload = await start("copied parts");
    const CopySource = `${Bucket}/part source`;
    const copied = await s3.send(
      new sdk.UploadPartCopyCommand({ ...upload, PartNumber: 1, CopySource, CopySourceRange: "bytes=0-9" }),
    );
    const last = await part(upload, 2, "end");
    const complete = (first: sdk.CompletedPart) =>
      s3.send(
        new sdk.CompleteMultipartUploadCommand({
          ...upload,
          MultipartUpload: { Parts: [first, { PartNumber: 2, ETag: last.ETag }] },
        }),
      );
    await refused(complete({ PartNumber: 1, ETag: copied.CopyPartResult?.ETag }), "EntityTooSmall", 400);
    const whole = await s3.send(new sdk.UploadPartCopyCommand({ ...upload, PartNumber: 1, CopySource }));
    await complete({ PartNumber: 1, ETag: whole.CopyPartResult?.ETag });
    assert.equal((await get("copied parts")).ContentLength, FIVE_MB.length + 3);
  });

  test("have a checksum of the whole or of the parts' checksums", async () => {
    const sum = async (Key: string, ChecksumType: sdk.ChecksumType): Promise<string | undefined> => {
      const upload = await start(Key, { ChecksumAlgorithm: "CRC32", ChecksumType });
      const parts = [await part(upload, 1, FIVE_MB), await part(upload, 2, "end")];
      const Parts = parts.map(({ ETag, ChecksumCRC32 }, index) => ({
        ETag,
        ChecksumCRC32,
        PartNumber: index + 1,
      }));
      const done = await s3.send(
        new sdk.CompleteMultipartUploadCommand({ ...upload, MultipartUpload: { Parts }, ChecksumType }),
      );
      return done.ChecksumCRC32;
    };
    const whole = await put("single", Buffer.concat([FIVE_MB, Buffer.from("end")]));
    assert.equal(await sum("full", "FULL_OBJECT"), whole.ChecksumCRC32);
    assert.match((await sum("composite", "COMPOSITE")) ?? "", /^[\w+/]{6}==-2$/);
  });

  test("are listed until they are aborted", async () => {
    const upload = await start("aborted");
    await part(upload, 1, "x");
    const listed = await s3.send(new sdk.ListMultipartUploadsCommand({ Bucket, Prefix: "aborted" }));
    assert.deepEqual(
      listed.Uploads?.map(({ UploadId }) => UploadId),
      [upload.UploadId],
    );
    await s3.send(new sdk.AbortMultipartUploadCommand(upload));
    await refused(s3.send(new sdk.ListPartsCommand(upload)), "NoSuchUpload", 404);
    await refused(part(upload, 1, "x"), "NoSuchUpload", 404);
  });
});
