import assert from "node:assert/strict";
import { Readable } from "node:stream";
import { after, before, describe, test } from "node:test";
import type { ServiceDefinition } from "../../src/aws-api/protocol/handlers.ts";
import { AwsError } from "../../src/core/errors.ts";
import { type ProtocolServer, startProtocolServer } from "../support/protocol-server.ts";

// No restXml client is installed, so a small service in the SDK's notation stands for one:
// [kind, namespace, name, traits, members, schemas, required].
const ns = "com.example";
const rule = [3, ns, "Rule", 0, ["Id", "Days", "On", "Until"], [0, 1, 2, 4]];
const rules = [1, ns, "Rules", 0, () => rule];
const lifecycle = [
  3,
  ns,
  "Lifecycle",
  { xmlName: "LifecycleConfiguration" },
  ["Rules", "Labels"],
  [
    [() => rules, { xmlFlattened: 1, xmlName: "Rule" }],
    [2, ns, "Labels", 0, 0, 0],
  ],
];
const metadata = [2, ns, "Metadata", 0, 0, 0];
const module = {
  PutLifecycle$: [
    9,
    ns,
    "PutLifecycle",
    { http: ["PUT", "/{Bucket}?lifecycle", 200] },
    [
      3,
      ns,
      "PutLifecycleRequest",
      0,
      ["Bucket", "Owner", "Lifecycle"],
      [
        [0, 1],
        [0, { httpHeader: "x-amz-owner" }],
        [() => lifecycle, { httpPayload: 1, xmlName: "LifecycleConfiguration" }],
      ],
      1,
    ],
    "unit",
  ],
  GetLifecycle$: [
    9,
    ns,
    "GetLifecycle",
    { http: ["GET", "/{Bucket}?lifecycle", 200] },
    [3, ns, "GetLifecycleRequest", 0, ["Bucket"], [[0, 1]], 1],
    [
      3,
      ns,
      "GetLifecycleOutput",
      0,
      ["Rules", "Labels", "Version"],
      [() => rules, [2, ns, "Labels", 0, 0, 0], [0, { httpHeader: "x-amz-version" }]],
    ],
  ],
  GetObject$: [
    9,
    ns,
    "GetObject",
    { http: ["GET", "/{Bucket}/{Key+}", 200] },
    [
      3,
      ns,
      "GetObjectRequest",
      0,
      ["Bucket", "Key"],
      [
        [0, 1],
        [0, 1],
      ],
      2,
    ],
    [
      3,
      ns,
      "GetObjectOutput",
      0,
      ["Body", "Modified", "Metadata"],
      [
        [42, 16],
        [4, { httpHeader: "Last-Modified" }],
        [() => metadata, { httpPrefixHeaders: "x-amz-meta-" }],
      ],
    ],
  ],
  PutObject$: [
    9,
    ns,
    "PutObject",
    { http: ["PUT", "/{Bucket}/{Key+}", 200] },
    [
      3,
      ns,
      "PutObjectRequest",
      0,
      ["Bucket", "Key", "Body", "Metadata"],
      [
        [0, 1],
        [0, 1],
        [42, 16],
        [() => metadata, { httpPrefixHeaders: "x-amz-meta-" }],
      ],
      2,
    ],
    "unit",
  ],
  NoSuchKey$: [-3, ns, "NoSuchKey", { error: "client", httpError: 404 }, [], []],
};

describe("restXml", () => {
  let server: ProtocolServer;
  let seen: Record<string, unknown> = {};
  const definition: ServiceDefinition = {
    signingName: "s3",
    module,
    client: {
      config: {
        protocol: { getShapeId: () => "aws.protocols#restXml" },
        protocolSettings: { defaultNamespace: ns, xmlNamespace: "http://example.com/doc/" },
      },
    },
    handlers: {
      PutLifecycle: (input) => {
        seen = input;
        return {};
      },
      GetLifecycle: () => ({
        Rules: [{ Id: "a<b", Days: 3, On: true, Until: new Date(0) }],
        Labels: { k: "v" },
        Version: "7",
      }),
      GetObject: ({ Key }) => {
        if (Key === "none") throw new AwsError("NoSuchKey", "The specified key does not exist.");
        return {
          Body: Readable.from([Buffer.from(`${Key}|`), Buffer.from("rest")]),
          Modified: new Date(0),
          Metadata: { owner: "me" },
        };
      },
      PutObject: async ({ Body, ...rest }: { Body: Readable }) => {
        seen = { ...rest, text: Buffer.concat(await Body.toArray()).toString() };
        return {};
      },
    },
  };
  const authorization =
    "AWS4-HMAC-SHA256 Credential=AKID/20260101/eu-west-1/s3/aws4_request, SignedHeaders=host, Signature=0";
  const send = (
    path: string,
    options: Omit<RequestInit, "headers"> & { headers?: Record<string, string> } = {},
  ): Promise<Response> =>
    fetch(server.endpoint + path, { ...options, headers: { authorization, ...options.headers } });

  before(async () => {
    server = await startProtocolServer([definition]);
  });
  after(() => server.close());

  test("reads a body by the model", async () => {
    const body =
      '<?xml version="1.0"?><LifecycleConfiguration xmlns="http://example.com/doc/"><Rule><Id>one</Id><Days>3</Days></Rule>' +
      "<Rule><Id>t&amp;w&#x6f;</Id><On>true</On><Until>1970-01-01T00:00:00Z</Until><Unknown>1</Unknown></Rule>" +
      "<Labels><entry><key>__proto__</key><value>v</value></entry></Labels></LifecycleConfiguration>";
    const response = await send("/b?lifecycle", { method: "PUT", body, headers: { "x-amz-owner": "me" } });
    assert.equal(response.status, 200, await response.text());
    const { Labels, ...rest } = seen["Lifecycle"] as Record<string, object>;
    assert.deepEqual([seen["Bucket"], seen["Owner"]], ["b", "me"]);
    assert.deepEqual(rest, {
      Rules: [
        { Id: "one", Days: 3 },
        { Id: "t&wo", On: true, Until: new Date(0) },
      ],
    });
    assert.deepEqual(Object.entries(Labels ?? {}), [["__proto__", "v"]]);
  });

  for (const [name, body] of Object.entries({
    "XML that ends early": "<LifecycleConfiguration><Rule>",
    "a document type": '<!DOCTYPE a [<!ENTITY b "c">]><LifecycleConfiguration/>',
    "text for a number": "<LifecycleConfiguration><Rule><Days>x</Days></Rule></LifecycleConfiguration>",
    "elements for text": "<LifecycleConfiguration><Rule><Id><a/></Id></Rule></LifecycleConfiguration>",
    "no XML": "{}",
    "a million levels": "<a>".repeat(1_000_000),
  }))
    test(`${name} is refused`, async () => {
      const response = await send("/b?lifecycle", { method: "PUT", body });
      assert.equal(response.status, 400);
      assert.match(await response.text(), /^<\?xml .*\?><Error><Code>SerializationException<\/Code>/);
    });

  test("writes a body and headers by the model", async () => {
    const response = await send("/b?lifecycle");
    assert.equal(response.headers.get("x-amz-version"), "7");
    assert.equal(response.headers.get("content-type"), "application/xml");
    const text = await response.text();
    assert.match(
      text,
      /^<\?xml version="1.0" encoding="UTF-8"\?><GetLifecycleOutput xmlns="http:\/\/example.com\/doc\/">/,
    );
    assert.match(
      text,
      /<member><Id>a&lt;b<\/Id><Days>3<\/Days><On>true<\/On><Until>1970-01-01T00:00:00Z<\/Until><\/member>/,
    );
    assert.match(text, /<entry><key>k<\/key><value>v<\/value><\/entry>/);
  });

  test("streams bodies out and in", async () => {
    const response = await send("/b/a/b%20c");
    assert.equal(await response.text(), "a/b c|rest");
    assert.equal(response.headers.get("last-modified"), "Thu, 01 Jan 1970 00:00:00 GMT");
    assert.equal(response.headers.get("x-amz-meta-owner"), "me");
    await send("/b/k", { method: "PUT", body: "streamed", headers: { "x-amz-meta-a": "1" } });
    assert.deepEqual(seen, { Bucket: "b", Key: "k", Metadata: { a: "1" }, text: "streamed" });
  });

  test("errors are bare, and have no body for HEAD", async () => {
    const response = await send("/b/none");
    assert.equal(response.status, 404);
    assert.match(
      await response.text(),
      /<Error><Code>NoSuchKey<\/Code><Message>The specified key does not exist.<\/Message><RequestId>[0-9a-f-]+<\/RequestId><\/Error>$/,
    );
    assert.equal(await (await send("/b/none", { method: "HEAD" })).text(), "");
    assert.deepEqual(server.logged, []);
  });
});
