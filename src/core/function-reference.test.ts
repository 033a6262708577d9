import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { functionArn } from "./arn.ts";
import {
  isAliasName,
  isVersionNumber,
  parseFunctionReference,
  parseUnqualifiedReference,
} from "./function-reference.ts";

const OWNER = { account: "123456789012", region: "eu-west-1" };

const name = fc.stringMatching(/^[a-zA-Z0-9-_]{1,64}$/).filter((text) => text !== "function");
const qualifier = fc.oneof(
  fc.constantFrom("$LATEST", "$LATEST.PUBLISHED", "1", "42"),
  fc.stringMatching(/^[a-zA-Z0-9-_]{1,128}$/),
);

test("every spelling of a function gives the same name and qualifier", () => {
  fc.assert(
    fc.property(name, fc.option(qualifier, { nil: undefined }), (functionName, asked) => {
      const suffix = asked === undefined ? "" : `:${asked}`;
      // A bare name of twelve digits followed by a qualifier reads as an account; AWS's grammar has that, too.
      fc.pre(!/^\d{12}$/.test(functionName) && !/^[a-z]{2}(-gov|-iso[a-z]?)?-[a-z]+-\d$/.test(functionName));
      const spellings = [
        `${functionName}${suffix}`,
        `function:${functionName}${suffix}`,
        `${OWNER.account}:function:${functionName}${suffix}`,
        `${OWNER.region}:${OWNER.account}:function:${functionName}${suffix}`,
        functionArn({ ...OWNER, functionName }, asked),
      ];
      for (const spelling of spellings) {
        assert.deepEqual(
          parseFunctionReference(OWNER, spelling),
          { functionName, qualifier: asked },
          spelling,
        );
      }
      assert.deepEqual(parseFunctionReference(OWNER, functionName, asked), {
        functionName,
        qualifier: asked,
      });
    }),
  );
});

test("any text is either taken apart or refused with an AWS error", () => {
  fc.assert(
    fc.property(fc.string(), fc.option(fc.string(), { nil: undefined }), (text, asked) => {
      try {
        assert.notEqual(parseFunctionReference(OWNER, text, asked).functionName, "");
      } catch (error) {
        assert.match((error as Error).name, /Exception$/);
      }
    }),
  );
});

test("regions of every partition are understood", () => {
  for (const region of ["us-gov-west-1", "us-isob-east-1", "eusc-de-east-1", "cn-north-1"]) {
    const arn = `arn:aws-x:lambda:${region}:123456789012:function:f`;
    assert.equal(parseFunctionReference({ ...OWNER, region }, arn).functionName, "f");
  }
});

test("an empty qualifier is none, and operations on whole functions take none", () => {
  assert.deepEqual(parseFunctionReference(OWNER, "f", ""), { functionName: "f", qualifier: undefined });
  assert.equal(parseUnqualifiedReference(OWNER, "function:f"), "f");
  assert.throws(() => parseUnqualifiedReference(OWNER, "f:live"), /permitted on Lambda functions only/);
});

test("numbers are versions, other words aliases", () => {
  assert.deepEqual(["1", "$LATEST", "live", "1a"].map(isVersionNumber), [true, false, false, false]);
  assert.deepEqual(["1", "$LATEST", "live", "1a"].map(isAliasName), [false, false, true, true]);
});
