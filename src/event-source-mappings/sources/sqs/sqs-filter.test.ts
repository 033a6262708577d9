import assert from "node:assert/strict";
import { test } from "node:test";
import { sqsFilter } from "./sqs-filter.ts";

const record = (body: string, more: object = {}) => ({ body, messageId: "m", ...more });

/** "Using event filtering with an Amazon SQS event source": the table of bodies and patterns. */
const CASES: readonly [name: string, patterns: string[], body: string, lets: boolean][] = [
  ["a JSON body that matches", ['{"body":{"a":[1]}}'], '{"a":1}', true],
  ["a JSON body that does not", ['{"body":{"a":[1]}}'], '{"a":2}', false],
  ["a plain body where JSON is asked for", ['{"body":{"a":[1]}}'], "a", false],
  ["broken JSON where JSON is asked for", ['{"body":{"a":[{"exists":false}]}}'], '{"a":', false],
  ["a plain body that matches", ['{"body":["go"]}'], "go", true],
  ["a plain body by its beginning", ['{"body":[{"prefix":"g"}]}'], "go", true],
  ["a JSON body where a plain one is asked for", ['{"body":[{"exists":true}]}'], '{"a":1}', false],
  ["nothing said of the body", ['{"messageId":["m"]}'], '{"a":1}', true],
  ["one of several filters", ['{"body":{"a":[9]}}', '{"body":{"b":[{"numeric":[">",1]}]}}'], '{"b":2}', true],
  ["alternatives", ['{"$or":[{"body":{"a":[1]}},{"messageId":["m"]}]}'], '{"a":2}', true],
];
for (const [name, patterns, body, lets] of CASES)
  test(`${name}: ${lets ? "through" : "dropped"}`, () => {
    assert.equal(sqsFilter(patterns)(record(body)), lets);
  });

test("attributes of messages can be asked for", () => {
  const lets = sqsFilter(['{"messageAttributes":{"kind":{"stringValue":["a"]}}}']);
  assert.equal(lets(record("x", { messageAttributes: { kind: { stringValue: "a" } } })), true);
  assert.equal(lets(record("x", { messageAttributes: { kind: { stringValue: "b" } } })), false);
});

for (const pattern of [
  "",
  "no JSON",
  "[]",
  "{}",
  '{"body":"a"}',
  '{"body":{}}',
  '{"body":[{"wildcard":"a*"}]}',
  '{"body":[{"cidr":"10.0.0.0/8"}]}',
])
  test(`${pattern || "nothing"} is no pattern`, () => {
    assert.throws(() => sqsFilter([pattern]), {
      name: "InvalidParameterValueException",
      message: "Invalid filter pattern definition.",
    });
  });
