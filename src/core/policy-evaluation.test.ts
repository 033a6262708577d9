import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { type PolicyDocument, parsePolicyDocument } from "./policy-document.ts";
import { evaluatePolicies, type PolicyVerdict } from "./policy-evaluation.ts";

const FUNCTION = "arn:aws:lambda:us-east-1:123456789012:function:orders";

function policy(...statements: object[]): PolicyDocument {
  const text = JSON.stringify({ Version: "2012-10-17", Statement: statements });
  const document = parsePolicyDocument(text, "identity");
  assert.ok(!("problem" in document), "problem" in document ? document.problem : "");
  return document;
}

function decide(
  statements: object[],
  request: { action?: string; resource?: string; context?: Record<string, string | string[]> } = {},
): PolicyVerdict {
  const context = new Map(
    Object.entries(request.context ?? {}).map(([key, value]) => [key.toLowerCase(), [value].flat()]),
  );
  return evaluatePolicies([policy(...statements)], {
    action: request.action ?? "lambda:InvokeFunction",
    resources: [request.resource ?? FUNCTION],
    context,
  });
}

const variable = (name: string) => `\${${name}}`;
const allow = (rest: object = {}) => ({ Effect: "Allow", Action: "*", Resource: "*", ...rest });
const deny = (rest: object = {}) => ({ Effect: "Deny", Action: "*", Resource: "*", ...rest });

const ALLOWED = "allowed";
const DENIED = "explicitly-denied";
const NOTHING = "implicitly-denied";

test("statements decide by action and resource", () => {
  const cases: [string, object[], PolicyVerdict][] = [
    ["no statement", [], NOTHING],
    ["everything allowed", [allow()], ALLOWED],
    ["a deny wins behind an allow", [allow(), deny()], DENIED],
    ["a deny wins before an allow", [deny(), allow()], DENIED],
    ["the action in other letters", [allow({ Action: "LAMBDA:invokefunction" })], ALLOWED],
    ["a wildcard in the action", [allow({ Action: "lambda:Invoke*" })], ALLOWED],
    ["one character in the action", [allow({ Action: "lambda:InvokeFunctio?" })], ALLOWED],
    ["another action", [allow({ Action: ["lambda:GetFunction", "s3:*"] })], NOTHING],
    ["NotAction that names it", [allow({ Action: undefined, NotAction: "lambda:*" })], NOTHING],
    ["NotAction that does not name it", [allow({ Action: undefined, NotAction: ["iam:*"] })], ALLOWED],
    ["the exact resource", [allow({ Resource: FUNCTION })], ALLOWED],
    ["the resource is case-sensitive", [allow({ Resource: FUNCTION.replace("orders", "ORDERS") })], NOTHING],
    [
      "a wildcard in the last part",
      [allow({ Resource: "arn:aws:lambda:us-east-1:123456789012:function:or*" })],
      ALLOWED,
    ],
    [
      "a wildcard as the last part",
      [allow({ Resource: "arn:aws:lambda:us-east-1:123456789012:*" })],
      ALLOWED,
    ],
    ["a wildcard after fewer parts", [allow({ Resource: "arn:aws:lambda:*" })], ALLOWED],
    [
      "wildcards for region and account",
      [allow({ Resource: "arn:aws:lambda:*:*:function:orders" })],
      ALLOWED,
    ],
    ["a wildcard does not reach over a colon", [allow({ Resource: "arn:aws:*:function:orders" })], NOTHING],
    ["NotResource that names it", [allow({ Resource: undefined, NotResource: FUNCTION })], NOTHING],
    ["NotResource that does not", [allow({ Resource: undefined, NotResource: "arn:aws:s3:::b" })], ALLOWED],
    ["a deny on another resource", [allow(), deny({ Resource: "arn:aws:s3:::b" })], ALLOWED],
  ];
  for (const [name, statements, expected] of cases) assert.equal(decide(statements), expected, name);
});

test("a function and its alias are different resources", () => {
  const statements = [allow({ Resource: FUNCTION })];
  assert.equal(decide(statements, { resource: `${FUNCTION}:live` }), NOTHING);
  assert.equal(decide([allow({ Resource: `${FUNCTION}:*` })], { resource: `${FUNCTION}:live` }), ALLOWED);
});

test("condition operators", () => {
  const context = {
    "aws:PrincipalTag/team": "red",
    "aws:TagKeys": ["cost", "team"],
    "aws:SourceIp": "10.1.2.3",
    "aws:SecureTransport": "false",
    "aws:CurrentTime": "2026-05-01T12:00:00Z",
    "s3:max-keys": "10",
    "aws:SourceArn": "arn:aws:s3:::photos",
  };
  const cases: [string, Record<string, unknown>, boolean][] = [
    ["StringEquals", { "aws:principaltag/team": "red" }, true],
    ["StringEquals", { "aws:PrincipalTag/team": ["blue", "red"] }, true],
    ["StringEquals", { "aws:PrincipalTag/team": "Red" }, false],
    ["StringEquals", { "aws:PrincipalTag/absent": "red" }, false],
    ["StringEqualsIfExists", { "aws:PrincipalTag/absent": "red" }, true],
    ["StringEqualsIfExists", { "aws:PrincipalTag/team": "blue" }, false],
    ["StringNotEquals", { "aws:PrincipalTag/team": ["blue", "red"] }, false],
    ["StringNotEquals", { "aws:PrincipalTag/team": "blue" }, true],
    ["StringNotEquals", { "aws:PrincipalTag/absent": "blue" }, true],
    ["StringEqualsIgnoreCase", { "aws:PrincipalTag/team": "RED" }, true],
    ["StringNotEqualsIgnoreCase", { "aws:PrincipalTag/team": "RED" }, false],
    ["StringLike", { "aws:PrincipalTag/team": "r?d*" }, true],
    ["StringNotLike", { "aws:PrincipalTag/team": "r*" }, false],
    ["ForAnyValue:StringEquals", { "aws:TagKeys": "cost" }, true],
    ["ForAnyValue:StringEquals", { "aws:TagKeys": "owner" }, false],
    ["ForAnyValue:StringNotEquals", { "aws:TagKeys": "cost" }, true],
    ["ForAnyValue:StringEquals", { absent: "cost" }, false],
    ["ForAllValues:StringEquals", { "aws:TagKeys": ["cost", "team", "x"] }, true],
    ["ForAllValues:StringEquals", { "aws:TagKeys": ["cost"] }, false],
    ["ForAllValues:StringEquals", { absent: ["cost"] }, true],
    ["ArnLike", { "aws:SourceArn": "arn:aws:s3:*:*:pho*" }, true],
    ["ArnEquals", { "aws:SourceArn": "arn:aws:s3:::other" }, false],
    ["ArnNotLike", { "aws:SourceArn": "arn:aws:s3:::photos" }, false],
    ["Bool", { "aws:SecureTransport": "false" }, true],
    ["Bool", { "aws:SecureTransport": true }, false],
    ["NumericLessThan", { "s3:max-keys": 11 }, true],
    ["NumericLessThan", { "s3:max-keys": "10" }, false],
    ["NumericLessThanEquals", { "s3:max-keys": "10" }, true],
    ["NumericGreaterThan", { "s3:max-keys": "9" }, true],
    ["NumericEquals", { "s3:max-keys": "10.0" }, true],
    ["NumericNotEquals", { "s3:max-keys": "10" }, false],
    ["DateGreaterThan", { "aws:CurrentTime": "2026-04-30T00:00:00Z" }, true],
    ["DateLessThan", { "aws:CurrentTime": "2026-04-30T00:00:00Z" }, false],
    ["DateLessThan", { "aws:CurrentTime": "1893456000" }, true],
    ["IpAddress", { "aws:SourceIp": ["10.1.0.0/16", "::1"] }, true],
    ["IpAddress", { "aws:SourceIp": "10.2.0.0/16" }, false],
    ["NotIpAddress", { "aws:SourceIp": "10.0.0.0/8" }, false],
    ["Null", { "aws:PrincipalTag/absent": "true" }, true],
    ["Null", { "aws:PrincipalTag/team": "true" }, false],
    ["Null", { "aws:PrincipalTag/team": "false" }, true],
  ];
  for (const [operator, keys, holds] of cases) {
    const name = `${operator} ${JSON.stringify(keys)}`;
    const Condition = { [operator]: keys };
    assert.equal(decide([allow({ Condition })], { context }), holds ? ALLOWED : NOTHING, name);
    assert.equal(
      decide([allow(), deny({ Condition })], { context }),
      holds ? DENIED : ALLOWED,
      `deny: ${name}`,
    );
  }
});

test("what the evaluator does not know never allows and always denies", () => {
  for (const Condition of [
    { StringResembles: { "aws:username": "x" } },
    { NumericEquals: { "s3:max-keys": "many" } },
    { IpAddress: { "aws:SourceIp": "somewhere" } },
    { DateLessThan: { "aws:CurrentTime": "tomorrow" } },
  ]) {
    const context = {
      "aws:username": "x",
      "s3:max-keys": "1",
      "aws:SourceIp": "1.2.3.4",
      "aws:CurrentTime": "2026-01-01T00:00:00Z",
    };
    assert.equal(decide([allow({ Condition })], { context }), NOTHING, JSON.stringify(Condition));
    assert.equal(decide([allow(), deny({ Condition })], { context }), DENIED, JSON.stringify(Condition));
  }
  const unmetToo = { StringResembles: { "aws:username": "x" }, StringEquals: { "aws:username": "y" } };
  assert.equal(
    decide([allow(), deny({ Condition: unmetToo })], { context: { "aws:username": "x" } }),
    ALLOWED,
  );
});

test("policy variables stand for their values, literally", () => {
  const Resource = `arn:aws:s3:::b/${variable("aws:PrincipalTag/team")}/*`;
  const s3 = (resource: string, team?: string) =>
    decide([allow({ Resource })], {
      resource,
      context: team === undefined ? {} : { "aws:PrincipalTag/team": team },
    });
  assert.equal(s3("arn:aws:s3:::b/red/x", "red"), ALLOWED);
  assert.equal(s3("arn:aws:s3:::b/blue/x", "red"), NOTHING);
  assert.equal(s3("arn:aws:s3:::b/blue/x", "*"), NOTHING);
  assert.equal(s3("arn:aws:s3:::b/blue/x"), NOTHING);
  const fallback = [allow({ Resource: `arn:aws:s3:::b/${variable("aws:PrincipalTag/team, 'none'")}` })];
  assert.equal(decide(fallback, { resource: "arn:aws:s3:::b/none" }), ALLOWED);
  const star = [allow({ Resource: `arn:aws:s3:::b/${variable("*")}` })];
  assert.equal(decide(star, { resource: "arn:aws:s3:::b/*" }), ALLOWED);
  assert.equal(decide(star, { resource: "arn:aws:s3:::b/x" }), NOTHING);
});

test("trust policies match their principal", () => {
  const trust = (principal: unknown, names: string[]) => {
    const text = JSON.stringify({
      Statement: { Effect: "Allow", Principal: principal, Action: "sts:AssumeRole" },
    });
    const document = parsePolicyDocument(text, "trust");
    assert.ok(!("problem" in document));
    const request = {
      action: "sts:AssumeRole",
      resources: ["*"],
      context: new Map(),
      principals: { AWS: names },
    };
    return evaluatePolicies([document], request);
  };
  const role = "arn:aws:iam::123456789012:role/r";
  assert.equal(trust({ AWS: role }, [role]), ALLOWED);
  assert.equal(trust({ AWS: ["999999999999", role] }, [role]), ALLOWED);
  assert.equal(trust("*", [role]), ALLOWED);
  assert.equal(trust({ Service: "lambda.amazonaws.com" }, [role]), NOTHING);
  assert.equal(trust({ AWS: "999999999999" }, [role]), NOTHING);
});

test("property: a deny anywhere is never overridden, and nothing is allowed without an allow", () => {
  const part = fc.constantFrom(
    "*",
    "lambda:*",
    "lambda:Invoke*",
    "lambda:InvokeFunction",
    "s3:Get*",
    "iam:PassRole",
  );
  const resource = fc.constantFrom("*", FUNCTION, "arn:aws:lambda:*:*:function:*", "arn:aws:s3:::b/*");
  const statement = fc.record({
    Effect: fc.constantFrom("Allow", "Deny"),
    Action: fc.array(part, { minLength: 1, maxLength: 3 }),
    Resource: fc.array(resource, { minLength: 1, maxLength: 3 }),
  });
  const matching = { Effect: "Deny", Action: ["lambda:InvokeFunction"], Resource: [FUNCTION] };
  fc.assert(
    fc.property(fc.array(statement, { maxLength: 8 }), fc.nat(8), (generated, at) => {
      const statements: { Effect: string; Action: string[]; Resource: string[] }[] = generated;
      assert.equal(decide(statements.toSpliced(at, 0, matching)), DENIED);
      const denies = statements.filter(({ Effect }) => Effect === "Deny");
      assert.notEqual(decide(denies), ALLOWED);
    }),
  );
});

test("hostile wildcards take no time", () => {
  const pattern = `${"a*".repeat(60)}b`;
  assert.equal(
    decide([allow({ Action: `lambda:${pattern}` })], { action: `lambda:${"a".repeat(5000)}` }),
    NOTHING,
  );
});

test("malformed documents are refused in AWS's words", () => {
  const identity = (statement: object, rest: object = { Version: "2012-10-17" }) =>
    problem(JSON.stringify({ ...rest, Statement: statement }), "identity");
  const problem = (text: string, kind: "identity" | "trust") => {
    const read = parsePolicyDocument(text, kind);
    return "problem" in read ? read.problem : undefined;
  };
  const ok = { Effect: "Allow", Action: "s3:GetObject", Resource: "*" };
  assert.equal(identity(ok), undefined);
  assert.equal(problem("{", "identity"), "Syntax errors in policy.");
  assert.equal(problem("{", "trust"), "This policy contains invalid Json");
  assert.equal(identity(ok, {}), "Policy document must be version 2012-10-17 or greater.");
  assert.equal(identity({ ...ok, Effect: "Maybe" }), "Syntax errors in policy.");
  assert.equal(identity({ ...ok, Actions: "x" }), "Syntax errors in policy.");
  assert.equal(identity({ ...ok, Action: undefined }), "Policy statement must contain actions.");
  assert.equal(identity({ ...ok, Resource: undefined }), "Policy statement must contain resources.");
  assert.equal(identity({ ...ok, Resource: "bucket" }), 'Resource bucket must be in ARN format or "*".');
  assert.equal(identity({ ...ok, Principal: "*" }), "Policy document should not specify a principal.");
  assert.equal(
    identity({ ...ok, Action: "GetObject" }),
    "Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc.",
  );
  assert.equal(
    identity([
      { ...ok, Sid: "a" },
      { ...ok, Sid: "a" },
    ]),
    "Statement IDs (SID) in a single policy must be unique.",
  );
  const trust = (statement: object) =>
    problem(JSON.stringify({ Version: "2012-10-17", Statement: statement }), "trust");
  const assume = {
    Effect: "Allow",
    Principal: { Service: "lambda.amazonaws.com" },
    Action: "sts:AssumeRole",
  };
  assert.equal(trust(assume), undefined);
  assert.equal(trust({ ...assume, Resource: "*" }), "Has prohibited field Resource");
  assert.equal(trust({ ...assume, Principal: undefined }), "Missing required field Principal");
  assert.equal(trust({ ...assume, Principal: { AWS: "me" } }), 'Invalid principal in policy: "AWS":"me"');
  assert.equal(
    trust({ ...assume, Action: "s3:Get" }),
    "AssumeRole policy may only specify STS AssumeRole actions.",
  );
});
