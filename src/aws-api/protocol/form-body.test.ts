import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { NormalizedSchema } from "@smithy/core/schema";
import { readForm } from "./form-body.ts";
import { parseParameters } from "./query-string.ts";
import { ShapeCompiler } from "./shape.ts";

// The SDK's notation: [kind, namespace, name, traits, members, schemas].
const tag = [3, "n", "Tag", 0, ["Key", "Value"], [0, 0]];
const shape = new ShapeCompiler({ "Input.Count": { type: "integer" } }).compile(
  NormalizedSchema.of([
    3,
    "n",
    "Input",
    0,
    ["Name", "Count", "Flag", "When", "Bytes", "Tags", "Flat", "Labels", "Named", "Nested"],
    [
      0,
      1,
      2,
      4,
      21,
      [1, "n", "Tags", 0, () => tag],
      [[1, "n", "Flat", 0, 0], { xmlFlattened: 1 }],
      [2, "n", "Labels", 0, 0, 0],
      [0, { xmlName: "named" }],
      () => tag,
    ],
  ] as never),
);

function read(form: string): Record<string, unknown> {
  assert.equal(shape.kind, "structure");
  return readForm(shape.kind === "structure" ? shape.members : [], parseParameters(form));
}

describe("readForm", () => {
  const cases: [string, Record<string, unknown>][] = [
    ["Name=a+b%2Bc&Name=second", { Name: "a b+c" }],
    ["Count=12&Flag=true", { Count: 12, Flag: true }],
    ["When=2026-01-02T03:04:05Z", { When: new Date("2026-01-02T03:04:05Z") }],
    ["Bytes=AAH%2F", { Bytes: Buffer.from([0, 1, 255]) }],
    [
      "Tags.member.1.Key=a&Tags.member.1.Value=b&Tags.member.2.Key=c",
      { Tags: [{ Key: "a", Value: "b" }, { Key: "c" }] },
    ],
    ["Tags.member.10.Key=z&Tags.member.2.Key=y", { Tags: [{ Key: "y" }, { Key: "z" }] }],
    ["Tags=", { Tags: [] }],
    ["Flat.1=a&Flat.2=b", { Flat: ["a", "b"] }],
    ["Labels.entry.1.key=a&Labels.entry.1.value=b", { Labels: { a: "b" } }],
    ["named=x&Nested.Key=y", { Named: "x", Nested: { Key: "y" } }],
    ["Unknown=1&Action=X", {}],
  ];
  for (const [form, expected] of cases) test(form, () => assert.deepEqual(read(form), expected));

  for (const form of [
    "Count=x",
    "Count=1.5",
    "Flag=maybe",
    "When=yesterday",
    "Bytes=*",
    "Name=%zz",
    "Name.member.1=x",
  ])
    test(`${form} is refused`, () =>
      assert.throws(() => read(form), { code: "SerializationException", status: 400 }));

  test("a key called __proto__ is a key", () => {
    const labels = read("Labels.entry.1.key=__proto__&Labels.entry.1.value=x")["Labels"] as object;
    assert.deepEqual(Object.entries(labels), [["__proto__", "x"]]);
    assert.equal(Object.getPrototypeOf(labels), Object.prototype);
  });
});
