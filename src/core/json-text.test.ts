import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { findJsonError } from "./json-text.ts";

const check = (text: string): string | undefined => findJsonError(Buffer.from(text));
const parses = (text: string): boolean => {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
};

test("accepts what JSON.stringify writes", () => {
  fc.assert(
    fc.property(fc.json(), fc.constantFrom(undefined, 1, 3), (text, space) => {
      assert.equal(check(text), undefined);
      assert.equal(check(` ${JSON.stringify(JSON.parse(text), undefined, space)}\n`), undefined);
    }),
  );
});

test("agrees with JSON.parse on texts made of JSON's own characters", () => {
  const piece = fc.constantFrom(
    ...'{}[],: \n"\\'.split(""),
    "0",
    "1",
    "-",
    ".",
    "e",
    "E",
    "+",
    "true",
    "null",
    "a",
    '"a"',
    "u12ab",
  );
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 12 }), (pieces) => {
      const text = pieces.join("");
      assert.equal(check(text) === undefined, parses(text), text);
    }),
    { numRuns: 20_000 },
  );
});

test("agrees with JSON.parse on damaged documents", () => {
  fc.assert(
    fc.property(
      fc.json(),
      fc.nat(),
      fc.constantFrom(...'{}[],:"\\0x \u0001'.split("")),
      (text, at, replacement) => {
        const index = at % text.length;
        const damaged = text.slice(0, index) + replacement + text.slice(index + 1);
        assert.equal(check(damaged) === undefined, parses(damaged), damaged);
      },
    ),
    { numRuns: 5000 },
  );
});

test("takes deep nesting without a stack", () => {
  assert.equal(check("[".repeat(200_000) + "]".repeat(200_000)), undefined);
});

test("names what it found in the words of AWS's parser", () => {
  assert.equal(
    check("hello"),
    "Unrecognized token 'hello': was expecting (JSON String, Number, Array, Object or token 'null', 'true' or 'false')",
  );
  assert.equal(
    check("{'a':1}"),
    "Unexpected character (''' (code 39)): was expecting double-quote to start field name",
  );
  assert.match(check("{") ?? "", /^Unexpected end-of-input/);
  assert.match(check("") ?? "", /^Unexpected end-of-input/);
});
