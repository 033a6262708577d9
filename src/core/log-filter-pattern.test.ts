import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { compileFilterRegex } from "./filter-regex.ts";
import { compileLogFilter, InvalidFilterPattern } from "./log-filter-pattern.ts";

const matches = (pattern: string, message: string): boolean => compileLogFilter(pattern)?.(message) ?? true;

function table(cases: [pattern: string, message: string, expected: boolean][]): void {
  for (const [pattern, message, expected] of cases) {
    assert.equal(matches(pattern, message), expected, `${pattern} on ${message}`);
  }
}

test("terms and phrases", () => {
  table([
    ["", "anything", true],
    ["ERROR", "[ERROR 400] BAD REQUEST", true],
    ["ERROR", "[error 400]", false],
    ["ERROR ARGUMENTS", "[ERROR 419] MISSING ARGUMENTS", true],
    ["ERROR ARGUMENTS", "[ERROR 400] BAD REQUEST", false],
    ['"INTERNAL SERVER ERROR"', "[ERROR 500] INTERNAL SERVER ERROR", true],
    ['"INTERNAL ERROR"', "[ERROR 500] INTERNAL SERVER ERROR", false],
    ["?ERROR ?WARN", "[WARN] disk", true],
    ["?ERROR ?WARN", "[INFO] disk", false],
    ["ERROR -EXITING", "[ERROR] SERVER EXITING", false],
    ["ERROR -EXITING", "[ERROR] BAD", true],
    ['-"BAD REQUEST"', "[ERROR] BAD REQUEST", false],
    ["?WARN ERROR", "ERROR", true],
    ['"say \\"hi\\""', 'they say "hi"', true],
    ["%ERROR [45]\\d\\d%", "[ERROR 419] x", true],
    ["%ERROR [45]\\d\\d%", "[ERROR 319] x", false],
  ]);
});

test("JSON conditions", () => {
  const event = JSON.stringify({
    eventType: "UpdateTrail",
    sourceIPAddress: "111.111.111.111",
    arrayKey: ["value", "another value"],
    objectList: [
      { name: "a", flag: true, id: 1 },
      { name: "b", flag: false, id: 2 },
    ],
    SomeObject: null,
    count: 5,
    "dash-ed": "x",
  });
  table([
    ['{ $.eventType = "UpdateTrail" }', event, true],
    ["{ $.eventType = Update* }", event, true],
    ['{ $.eventType != "Other" }', event, true],
    ["{ $.sourceIPAddress != 123.123.* }", event, true],
    ["{ $.sourceIPAddress = 111.111.* }", event, true],
    ["{ $.sourceIPAddress = %^111\\.\\d+% }", event, true],
    ['{ $.arrayKey[0] = "value" }', event, true],
    ['{ $.arrayKey[*] = "another value" }', event, true],
    ["{ $.objectList[1].id = 2 }", event, true],
    ["{ $.objectList[0].flag IS TRUE }", event, true],
    ["{ $.objectList[0].flag IS FALSE }", event, false],
    ["{ $.SomeObject IS NULL }", event, true],
    ["{ $.count IS NULL }", event, false],
    ["{ $.SomeOtherObject NOT EXISTS }", event, true],
    ["{ $.count NOT EXISTS }", event, false],
    ["{ $.count EXISTS }", event, true],
    ["{ $.count > 4 && $.count <= 5 }", event, true],
    ["{ $.count < 5 }", event, false],
    ['{ ($.count = 4 || $.count = 5) && $.eventType = "UpdateTrail" }', event, true],
    ["{ $.count = 5 || $.count = 4 && $.count = 3 }", event, true],
    ["{ $.dash-ed = x }", event, true],
    ['{ $["dash-ed"] = "x" }', event, true],
    ["{ $.absent != 1 }", event, false],
    ["{ $.count = 5 }", "not json 5", false],
  ]);
});

test("space-delimited fields", () => {
  const line = '127.0.0.1 Prod frank [10/Oct/2000:13:25:15 -0700] "GET /index.html HTTP/1.0" 404 1534';
  table([
    ["[ip, user, username, timestamp, request, status_code, bytes]", line, true],
    ["[ip, user, username]", line, false],
    ["[ip, ..., status_code, bytes]", line, true],
    ["[ip, user, username, timestamp, request = *.html*, status_code = 4*, bytes]", line, true],
    ["[..., status_code = 404, bytes > 1000]", line, true],
    ["[..., status_code = 404, bytes > 2000]", line, false],
    ["[..., status_code = 404 || status_code = 410, bytes]", line, true],
    ["[ip = %127\\.0\\.0\\.[1-9]%, ...]", line, true],
    ['[..., request != "*POST*", status_code, bytes]', line, true],
    ["[w1 = ERROR, w2]", "ERROR disk", true],
    ["[w1 != ERROR && w1 != WARN, w2]", "WARN disk", false],
  ]);
});

test("what is not a pattern is refused", () => {
  for (const pattern of [
    "{ $.a = }",
    "{ a = 1 }",
    "{ $.a = 1",
    "{ $.a > x }",
    "[a, b",
    "[..., a, ...]",
    '"open',
    "foo-bar",
    "%(a)%",
    "%a!%",
    "{ $.a = 1 } x",
    "{ $.a IS MAYBE }",
  ]) {
    assert.throws(() => compileLogFilter(pattern), InvalidFilterPattern, pattern);
  }
});

test("regular expressions agree with JavaScript's", () => {
  const atom = fc.constantFrom("a", "b", ".", "[ab]", "[^a]", "\\d", "c");
  const quantifier = fc.constantFrom("", "?", "*", "+", "{2}", "{1,2}", "{1,}");
  const sequence = fc
    .array(fc.tuple(atom, quantifier), { minLength: 1, maxLength: 4 })
    .map((parts) => parts.flat().join(""));
  const anchored = fc
    .tuple(fc.constantFrom("", "^"), sequence, fc.constantFrom("", "$"))
    .map((parts) => parts.join(""));
  const expression = fc.array(anchored, { minLength: 1, maxLength: 3 }).map((parts) => parts.join("|"));
  fc.assert(
    fc.property(
      expression,
      fc.string({ unit: fc.constantFrom("a", "b", "c", "1"), maxLength: 8 }),
      (source, text) => {
        const compiled = compileFilterRegex(source);
        assert.ok(compiled, source);
        assert.equal(compiled(text), new RegExp(source, "s").test(text), `${source} on ${text}`);
      },
    ),
    { numRuns: 2000 },
  );
});

test("hostile regular expressions take no time", () => {
  const compiled = compileFilterRegex(`${"a*".repeat(20)}b`);
  assert.equal(compiled?.("a".repeat(20_000)), false);
});
