import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { readCredentialScope } from "./credential-scope.ts";
import { parseParameters } from "./query-string.ts";

const nothing = {
  accessKeyId: undefined,
  region: undefined,
  signingName: undefined,
  sessionToken: undefined,
};

describe("readCredentialScope", () => {
  test("SigV4", () => {
    const authorization =
      "AWS4-HMAC-SHA256 Credential=AKID/20260101/eu-west-1/lambda/aws4_request, SignedHeaders=host, Signature=0";
    assert.deepEqual(readCredentialScope({ authorization, "x-amz-security-token": "token" }, new Map()), {
      accessKeyId: "AKID",
      region: "eu-west-1",
      signingName: "lambda",
      sessionToken: "token",
    });
  });

  test("SigV4a takes the region from its set", () => {
    const authorization =
      "AWS4-ECDSA-P256-SHA256 Credential=AKID/20260101/events/aws4_request,SignedHeaders=host";
    const headers = { authorization, "x-amz-region-set": "us-east-1,us-west-2" };
    assert.deepEqual(readCredentialScope(headers, new Map()), {
      ...nothing,
      accessKeyId: "AKID",
      region: "us-east-1",
      signingName: "events",
    });
    assert.equal(
      readCredentialScope({ authorization, "x-amz-region-set": "*" }, new Map()).region,
      undefined,
    );
  });

  test("presigned", () => {
    const query = parseParameters(
      "Action=GetCallerIdentity&X-Amz-Credential=AKID%2F20260101%2Fus-east-1%2Fsts%2Faws4_request&X-Amz-Security-Token=t",
    );
    assert.deepEqual(readCredentialScope({}, query), {
      accessKeyId: "AKID",
      region: "us-east-1",
      signingName: "sts",
      sessionToken: "t",
    });
  });

  for (const authorization of [
    undefined,
    "",
    "Bearer x",
    "AWS4-HMAC-SHA256 Credential=",
    "AWS4-HMAC-SHA256 Credential=a/b",
  ])
    test(`nothing in ${JSON.stringify(authorization)}`, () =>
      assert.deepEqual(readCredentialScope({ authorization }, new Map()), nothing));
});
