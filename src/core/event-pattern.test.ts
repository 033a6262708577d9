import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { compileEventPattern, InvalidEventPattern } from "./event-pattern.ts";

const EVENT = {
  source: "aws.ec2",
  "detail-type": "State change",
  region: "eu-west-1",
  nothing: null,
  detail: {
    state: "running",
    count: 5,
    flag: true,
    ip: "10.0.0.17",
    tags: ["red", "Green"],
    items: [
      { name: "a", price: 1 },
      { name: "b", price: 20 },
    ],
  },
};

const matches = (pattern: unknown, event: unknown = EVENT): boolean =>
  compileEventPattern(JSON.stringify(pattern))(event);
const detail = (wanted: unknown): boolean => matches({ detail: wanted });

const MATCHING: readonly unknown[] = [
  { source: ["aws.s3", "aws.ec2"] },
  { nothing: [null] },
  { detail: { flag: [true], count: [5] } },
  { detail: { state: [{ prefix: "run" }] } },
  { detail: { state: [{ prefix: { "equals-ignore-case": "RUN" } }] } },
  { detail: { state: [{ suffix: "ing" }], tags: ["red"] } },
  { detail: { tags: [{ "equals-ignore-case": "green" }] } },
  { detail: { state: [{ "anything-but": "stopped" }] } },
  { detail: { state: [{ "anything-but": ["stopped", "pending"] }] } },
  { detail: { state: [{ "anything-but": { prefix: "st" } }] } },
  { detail: { state: [{ "anything-but": { suffix: ["ed", "er"] } }] } },
  { detail: { count: [{ "anything-but": [1, 2] }] } },
  { detail: { count: [{ numeric: [">", 0, "<=", 5] }] } },
  { detail: { count: [{ numeric: ["=", 5] }] } },
  { detail: { ip: [{ cidr: "10.0.0.0/24" }] } },
  { detail: { state: [{ wildcard: "r*n*g" }] } },
  { detail: { state: [{ exists: true }], other: [{ exists: false }] } },
  { detail: { state: ["stopped", { exists: true }] } },
  { absent: { inside: [{ exists: false }] } },
  { $or: [{ source: ["aws.s3"] }, { detail: { count: [{ numeric: ["<", 10] }] } }] },
  { detail: { items: { name: ["b"], price: [20] } } },
  { "detail-type": ["State change"], region: [{ prefix: "eu-" }] },
];

const OTHERS: readonly unknown[] = [
  { source: ["AWS.ec2"] },
  { detail: { count: ["5"] } },
  { detail: { flag: ["true"] } },
  { detail: { state: [{ prefix: "RUN" }] } },
  { detail: { state: [{ "anything-but": "running" }] } },
  { detail: { state: [{ "anything-but": { wildcard: "r*" } }] } },
  { detail: { count: [{ numeric: [">", 5] }] } },
  { detail: { ip: [{ cidr: "10.0.1.0/24" }] } },
  { detail: { state: [{ wildcard: "r*nn*nn*g" }] } },
  { detail: { state: [{ exists: false }] } },
  { detail: [{ exists: true }] },
  { source: ["aws.ec2"], detail: { state: ["stopped"] } },
  { $or: [{ source: ["aws.s3"] }, { region: ["us-east-1"] }] },
  // One element of the array has the name, another one the price.
  { detail: { items: { name: ["a"], price: [20] } } },
  { absent: { inside: ["x"] } },
  { nothing: ["null"] },
];

test("what a pattern asks for", () => {
  for (const pattern of MATCHING) assert.equal(matches(pattern), true, JSON.stringify(pattern));
  for (const pattern of OTHERS) assert.equal(matches(pattern), false, JSON.stringify(pattern));
});

test("what is no pattern is refused with AWS's reason", () => {
  const refused: [pattern: unknown, reason: RegExp][] = [
    ["text", /^Filter is not an object$/],
    [{}, /^Empty objects are not allowed$/],
    [{ a: [] }, /^Empty arrays are not allowed$/],
    [{ a: "b" }, /^"a" must be an object or an array$/],
    [{ a: [{ sounds: "like" }] }, /^Unrecognized match type sounds$/],
    [{ a: [{ prefix: "x", suffix: "y" }] }, /^Only one key allowed in match expression$/],
    [{ a: [{ prefix: 1 }] }, /^prefix match pattern must be a string$/],
    [{ a: [{ exists: "yes" }] }, /^exists match pattern must be either true or false\.$/],
    [{ a: [{ numeric: ["<>", 1] }] }, /^Unrecognized numeric range operator: <>$/],
    [{ a: [{ numeric: [">", 5, "<", 1] }] }, /^Bottom must be less than top$/],
    [{ a: [{ "anything-but": ["x", 1] }] }, /mixed type is not supported$/],
    [{ a: [{ wildcard: "a**" }] }, /^Consecutive wildcard characters/],
  ];
  for (const [pattern, reason] of refused)
    assert.throws(
      () => compileEventPattern(JSON.stringify(pattern)),
      (error: Error) => error instanceof InvalidEventPattern && reason.test(error.message),
      JSON.stringify(pattern),
    );
  assert.throws(() => compileEventPattern("{"), InvalidEventPattern);
});

test("a value's own pattern matches it, and its anything-but does not", () => {
  const leaf = fc.oneof(fc.string(), fc.integer({ min: -1_000_000, max: 1_000_000 }));
  fc.assert(
    fc.property(leaf, leaf, (value, other) => {
      assert.equal(detail({ x: [value] }), false);
      assert.equal(matches({ x: [value] }, { x: value }), true);
      assert.equal(matches({ x: [value] }, { x: [other, value] }), true);
      assert.equal(matches({ x: [{ "anything-but": [value] }] }, { x: value }), false);
      assert.equal(matches({ x: [{ "anything-but": [value] }] }, { x: other }), value !== other);
    }),
  );
});

test("wildcards agree with regular expressions", () => {
  const letters = fc.array(fc.constantFrom("a", "b", "*"), { maxLength: 8 }).map((all) => all.join(""));
  const plain = fc.array(fc.constantFrom("a", "b"), { maxLength: 8 }).map((all) => all.join(""));
  fc.assert(
    fc.property(letters, plain, (pattern, value) => {
      fc.pre(!pattern.includes("**"));
      const expected = new RegExp(`^${pattern.replaceAll("*", ".*")}$`).test(value);
      assert.equal(matches({ x: [{ wildcard: pattern }] }, { x: value }), expected);
    }),
  );
});
