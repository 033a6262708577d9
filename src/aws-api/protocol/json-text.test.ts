import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { membersText, valueText } from "./json-text.ts";
import type { Member, Shape } from "./shape.ts";

const string: Shape = { kind: "string" };
const number: Shape = { kind: "number" };

const member = (name: string, shape: Shape, jsonName = name): Member =>
  ({ name, shape, jsonName }) as Partial<Member> as Member;

const structure = (...members: Member[]): Shape =>
  ({ kind: "structure", name: "Any", union: false, members }) as Partial<Shape> as Shape;

const list = (element: Shape): Shape => ({
  kind: "list",
  element,
  elementName: "member",
  elementSensitive: false,
});

test("any text, as a value and as the key of a map, is what JSON.stringify writes", () => {
  const texts = fc.string({ unit: "binary" });
  const map: Shape = { kind: "map", value: string, keyName: "key", valueName: "value" };
  fc.assert(
    fc.property(texts, texts, (key, value) => {
      assert.equal(valueText(string, value, "member"), JSON.stringify(value));
      assert.equal(
        valueText(map, Object.fromEntries([[key, value]]), "member"),
        `{${JSON.stringify(key)}:${JSON.stringify(value)}}`,
      );
    }),
  );
  for (const text of ['"', "\\", "\u0000", "\n", "\u007f", "\u2028", "\ud800", "a\udfff", "😀"])
    assert.equal(valueText(string, text, "member"), JSON.stringify(text));
});

test("numbers: finite ones as JSON has them, others as text", () => {
  fc.assert(
    fc.property(fc.double({ noNaN: true, noDefaultInfinity: true }), (value) => {
      assert.equal(valueText(number, value, "member"), JSON.stringify(value));
    }),
  );
  assert.equal(valueText(number, Number.NaN, "member"), '"NaN"');
  assert.equal(valueText(number, Number.NEGATIVE_INFINITY, "member"), '"-Infinity"');
});

test("absent members are left out, absent elements are null, and nothing is written that the shape has not", () => {
  const shape = structure(member("First", string), member("Second", number), member("Third", list(string)));
  const value = { Unknown: 1, Third: ["a", null, undefined], Second: undefined, First: null };
  assert.equal(valueText(shape, value, "member"), '{"Third":["a",null,null]}');
  assert.equal(valueText(shape, {}, "member"), "{}");
  assert.equal(valueText(shape, undefined, "member"), "null");
});

test("members go by the name that was asked for", () => {
  const members = [member("Plain", string), member("Renamed", string, "re-named")];
  const value = { Plain: "a", Renamed: "b" };
  assert.equal(membersText(members, value, "member"), '{"Plain":"a","Renamed":"b"}');
  assert.equal(membersText(members, value, "json-name"), '{"Plain":"a","re-named":"b"}');
});

test("a shape that contains itself is written as deep as its value is", () => {
  const members: Member[] = [];
  const shape = structure();
  Object.assign(shape, { members });
  members.push(member("Name", string), member("Children", list(shape)));
  const value = { Name: "a", Children: [{ Name: "b", Children: [{ Name: "c" }] }, {}] };
  assert.equal(valueText(shape, value, "member"), JSON.stringify(value));
});

test("bytes are base64, times are in the shape's format", () => {
  const at = new Date(1_700_000_000_500);
  assert.equal(valueText({ kind: "blob" }, Buffer.from([255, 0]), "member"), '"/wA="');
  assert.equal(valueText({ kind: "timestamp", format: "protocol" }, at, "member"), "1700000000.5");
  assert.equal(
    valueText({ kind: "timestamp", format: "date-time" }, at, "member"),
    '"2023-11-14T22:13:20.500Z"',
  );
});
