import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { AwsError } from "../../core/errors.ts";
import { parseParameters } from "./query-string.ts";
import { Router } from "./router.ts";
import type { Member } from "./shape.ts";

const router = new Router<string>();
const add = (target: string, method: string, path: string, requiredElsewhere: Member[] = []): void =>
  router.add({ target, method, path, requiredElsewhere });
add("ListLayers", "GET", "/2018-10-31/layers");
add("GetLayerVersionByArn", "GET", "/2018-10-31/layers?find=LayerVersion");
add("GetFunction", "GET", "/2015-03-31/functions/{FunctionName}");
add("DeleteFunction", "DELETE", "/2015-03-31/functions/{FunctionName}");
add("Invoke", "POST", "/2015-03-31/functions/{FunctionName}/invocations");
add("GetAlias", "GET", "/2015-03-31/functions/{FunctionName}/aliases/{Name}");
add("ListAll", "GET", "/2015-03-31/functions/all");
add("GetObject", "GET", "/objects/{Key+}");
add("ListParts", "GET", "/objects/{Key+}?uploads", []);
add("Conditional", "GET", "/tie/{Name}", [{ traits: { httpQuery: "Qualifier" } } as Member]);
add("Plain", "GET", "/tie/{Name}");

function find(method: string, url: string): [string, Record<string, string>] | undefined {
  const [path = "", query = ""] = url.split("?");
  const match = router.find(method, path, parseParameters(query), {});
  return match && [match.target, match.labels];
}

describe("Router", () => {
  const cases: [string, string, [string, Record<string, string>] | undefined][] = [
    ["GET", "/2018-10-31/layers", ["ListLayers", {}]],
    ["GET", "/2018-10-31/layers/", ["ListLayers", {}]],
    ["GET", "/2018-10-31/layers?find=LayerVersion&Arn=x", ["GetLayerVersionByArn", {}]],
    ["GET", "/2018-10-31/layers?find=Other", ["ListLayers", {}]],
    ["GET", "/2015-03-31/functions/f", ["GetFunction", { FunctionName: "f" }]],
    ["DELETE", "/2015-03-31/functions/f", ["DeleteFunction", { FunctionName: "f" }]],
    ["GET", "/2015-03-31/functions/all", ["ListAll", {}]],
    [
      "GET",
      "/2015-03-31/functions/all/aliases/%24LATEST",
      ["GetAlias", { FunctionName: "all", Name: "$LATEST" }],
    ],
    [
      "GET",
      "/2015-03-31/functions/arn%3Aaws%3Alambda%3Aeu-west-1%3A000000000000%3Afunction%3Af",
      ["GetFunction", { FunctionName: "arn:aws:lambda:eu-west-1:000000000000:function:f" }],
    ],
    ["GET", "/2015-03-31/functions/123:function:f", ["GetFunction", { FunctionName: "123:function:f" }]],
    ["GET", "/objects/a/b%2Fc", ["GetObject", { Key: "a/b/c" }]],
    ["GET", "/objects/a/b?uploads", ["ListParts", { Key: "a/b" }]],
    ["GET", "/tie/x?Qualifier=1", ["Conditional", { Name: "x" }]],
    ["GET", "/tie/x", ["Plain", { Name: "x" }]],
    ["POST", "/2015-03-31/functions//invocations", undefined],
    ["PATCH", "/2015-03-31/functions/f", undefined],
    ["GET", "/2015-03-31/functions/f/unknown", undefined],
    ["GET", "/", undefined],
    ["GET", "", undefined],
  ];
  for (const [method, url, expected] of cases)
    test(`${method} ${url || "(empty)"} is ${expected?.[0] ?? "nothing"}`, () =>
      assert.deepEqual(find(method, url), expected));

  test("a label that is not percent-encoded correctly is refused", () => {
    assert.throws(
      () => find("GET", "/2015-03-31/functions/%zz"),
      (error) => error instanceof AwsError && error.code === "SerializationException",
    );
  });
});
