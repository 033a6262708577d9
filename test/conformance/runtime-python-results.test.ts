/** What becomes of values that JSON does not have: one table for our Python client and for AWS's own, unmodified. */
import assert from "node:assert/strict";
import { rm } from "node:fs/promises";
import { after, describe, test } from "node:test";
import { officialClients, ourClients, withClient } from "../support/runtime-clients.ts";
import { writeRuntimeFunctions } from "../support/runtime-functions.ts";

const LIMIT = { timeout: 60_000 };
const refused = (why: string) => ({
  errorType: "Runtime.MarshalError",
  errorMessage: `Unable to marshal response: ${why}`,
});

/** By the names in results.py: the JSON text, or the error. */
const RESULTS: Record<string, string | ReturnType<typeof refused>> = {
  "named tuple": '{"x": 1, "y": "two"}',
  nested:
    '{"list": [{"x": 1, "y": {"x": [], "y": null}}], "named": {"left": 1, "right": "r"}, "tuple": [1, [2]]}',
  empty: "[{}, {}, [], {}]",
  "as a dict": '[{"z": {"x": 1, "y": 2}}, {}]',
  "as no dict": refused("_asdict() must return a dict, not list"),
  class: refused("Object of type type is not JSON serializable"),
  bytes: '["inside", {"key": "ä"}]',
  "no text": refused("'utf-8' codec can't decode byte 0xff in position 0: invalid start byte"),
  keys: '{"1": 2, "null": 3, "1.5": 4, "s": {"x": 5, "y": 6}, "k": 7, "k": 8}',
  "tuple as key": refused("keys must be str, int, float, bool or None, not tuple"),
  decimal: '[{"x": 1.10, "y": NaN}, 1E+30]',
  "decimal as key": refused("keys must be str, int, float, bool or None, not Decimal"),
  "no numbers": '[NaN, Infinity, {"x": 0, "y": -Infinity}]',
  subclasses: '[3, "me", {"b": 1, "a": 2}, {"a": 2, "b": 1}]',
  circle: refused("Circular reference detected"),
  set: refused("Object of type set is not JSON serializable"),
};

const directory = await writeRuntimeFunctions("python");
after(() => rm(directory, { recursive: true, force: true }));
const { clients } = await ourClients();
const official = (await officialClients()).flatMap(({ client }) => client ?? []);

for (const client of [...clients, ...official].filter(({ language }) => language === "python")) {
  describe(client.name, () => {
    test("values beyond JSON are answered or refused as AWS's client does it", LIMIT, () =>
      withClient(client, directory, "results.handler", async ({ api }) => {
        for (const [name, expected] of Object.entries(RESULTS)) {
          const { kind, body } = await api.invoke({ payload: JSON.stringify(name) });
          if (typeof expected === "string") {
            // Before Python 3.12 results are escaped to ASCII.
            assert.equal(body.toString().replace("\\u00e4", "ä"), expected, name);
          } else {
            const { errorType, errorMessage } = JSON.parse(body.toString());
            assert.deepEqual([name, kind, { errorType, errorMessage }], [name, "error", expected]);
          }
        }
      }),
    );
  });
}
