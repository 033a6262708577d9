import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { compileEventPattern } from "./event-pattern.ts";

function matches(pattern: unknown, event: unknown): boolean {
  const compiled = compileEventPattern(JSON.stringify(pattern));
  assert.ok(!("problem" in compiled), JSON.stringify(compiled));
  return compiled(event);
}

const EVENT = {
  source: "shop",
  "detail-type": "Order Placed",
  resources: ["arn:one", "arn:two"],
  detail: {
    total: 42.5,
    paid: true,
    coupon: null,
    note: "",
    ip: "10.0.1.7",
    tags: [],
    file: "picture.PNG",
    lines: [
      { sku: "a", count: 1 },
      { sku: "b", count: 5 },
    ],
  },
};

const CASES: [string, unknown, boolean][] = [
  ["a value", { source: ["shop"] }, true],
  ["one of several values", { source: ["other", "shop"] }, true],
  ["another value", { source: ["other"] }, false],
  ["an absent field", { account: ["1"] }, false],
  ["one of an array's values", { resources: ["arn:two"] }, true],
  ["every field", { source: ["shop"], detail: { paid: [true] } }, true],
  ["not every field", { source: ["shop"], detail: { paid: [false] } }, false],
  ["null", { detail: { coupon: [null] } }, true],
  ["an empty text", { detail: { note: [""] } }, true],
  ["a number", { detail: { total: [42.5] } }, true],
  ["a number is no text", { detail: { total: ["42.5"] } }, false],
  ["prefix", { "detail-type": [{ prefix: "Order" }] }, true],
  ["prefix in any case", { "detail-type": [{ prefix: { "equals-ignore-case": "oRDER" } }] }, true],
  ["suffix", { detail: { file: [{ suffix: ".png" }] } }, false],
  ["suffix in any case", { detail: { file: [{ suffix: { "equals-ignore-case": ".png" } }] } }, true],
  ["equals in any case", { source: [{ "equals-ignore-case": "SHOP" }] }, true],
  ["wildcard", { "detail-type": [{ wildcard: "O*r Pl*d" }] }, true],
  ["wildcard that overlaps itself", { source: [{ wildcard: "shop*shop" }] }, false],
  ["wildcard at both ends", { "detail-type": [{ wildcard: "*Placed*" }] }, true],
  ["anything but", { source: [{ "anything-but": ["warehouse"] }] }, true],
  ["anything but what it is", { source: [{ "anything-but": "shop" }] }, false],
  ["anything but, of an absent field", { account: [{ "anything-but": "1" }] }, false],
  ["anything but a prefix", { source: [{ "anything-but": { prefix: "sh" } }] }, false],
  ["anything but several suffixes", { source: [{ "anything-but": { suffix: ["x", "y"] } }] }, true],
  ["anything but a wildcard", { source: [{ "anything-but": { wildcard: "s*p" } }] }, false],
  ["anything but a text in any case", { source: [{ "anything-but": { "equals-ignore-case": ["SHOP"] } }] }, false],
  ["a range", { detail: { total: [{ numeric: [">", 0, "<=", 42.5] }] } }, true],
  ["outside a range", { detail: { total: [{ numeric: [">", 0, "<", 42.5] }] } }, false],
  ["an equal number", { detail: { total: [{ numeric: ["=", 42.5] }] } }, true],
  ["an address in a network", { detail: { ip: [{ cidr: "10.0.0.0/16" }] } }, true],
  ["an address outside a network", { detail: { ip: [{ cidr: "10.0.2.0/24" }] } }, false],
  ["a field exists", { detail: { coupon: [{ exists: true }] } }, true],
  ["a field that does not exist", { detail: { missing: [{ exists: false }] } }, true],
  ["an inner field is no value", { detail: [{ exists: true }] }, false],
  ["an empty array has no value", { detail: { tags: [{ exists: false }] } }, true],
  ["absent or one of", { detail: { missing: ["x", { exists: false }] } }, true],
  ["absent in what is absent", { none: { inner: [{ exists: false }] } }, true],
  ["fields of one element", { detail: { lines: { sku: ["b"], count: [5] } } }, true],
  ["fields of two elements", { detail: { lines: { sku: ["a"], count: [5] } } }, false],
  ["an alternative", { $or: [{ source: ["other"] }, { detail: { paid: [true] } }] }, true],
  ["no alternative", { $or: [{ source: ["other"] }, { detail: { paid: [false] } }] }, false],
  ["an alternative and a field", { source: ["other"], $or: [{ source: ["shop"] }, { account: ["1"] }] }, false],
  ["alternatives inside", { detail: { $or: [{ paid: [false] }, { total: [{ numeric: [">", 40] }] }] } }, true],
];

describe("an event matches a pattern by", () => {
  for (const [name, pattern, expected] of CASES)
    test(name, () => assert.equal(matches(pattern, EVENT), expected));
});

test("what is no pattern is said in AWS's words", () => {
  const problem = (pattern: string): string => {
    const compiled = compileEventPattern(pattern);
    return "problem" in compiled ? compiled.problem : "none";
  };
  assert.equal(problem("[]"), "Filter is not an object");
  assert.equal(problem('{"source":"shop"}'), '"source" must be an object or an array');
  assert.equal(problem('{"source":[]}'), "Empty arrays are not allowed");
  assert.equal(problem('{"source":{}}'), "Empty objects are not allowed");
  assert.equal(problem('{"source":[{"like":"x"}]}'), "Unrecognized match type like");
  assert.equal(problem('{"source":[{"prefix":"x","suffix":"y"}]}'), "Only one key allowed in match expression");
  for (const pattern of [
    "{",
    "{}",
    '{"a":[{"prefix":1}]}',
    '{"a":[{"numeric":[">"]}]}',
    '{"a":[{"numeric":["~",1]}]}',
    '{"a":[{"numeric":[">",5,"<",1]}]}',
    '{"a":[{"numeric":["=",6000000000]}]}',
    '{"a":[{"cidr":"10.0.0.0"}]}',
    '{"a":[{"wildcard":"a**b"}]}',
    '{"a":[{"wildcard":"a\\\\b"}]}',
    '{"a":[{"exists":"yes"}]}',
    '{"a":[{"anything-but":[]}]}',
    '{"a":[{"anything-but":["x",1]}]}',
    '{"a":[{"anything-but":{"numeric":["=",1]}}]}',
    '{"a":[["b"]]}',
  ])
    assert.notEqual(problem(pattern), "none", pattern);
});
