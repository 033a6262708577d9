import assert from "node:assert/strict";
import { globSync, readFileSync } from "node:fs";
import { test } from "node:test";
import { nativeLibrary, nativeSourceDigest } from "./build-java-native.ts";

test("the native libraries of the Java client are those of their source", () => {
  const libraries = globSync(nativeLibrary("*"));
  assert.ok(libraries.length > 0);
  for (const library of libraries)
    assert.ok(
      readFileSync(library).includes(`lambent-sources:${nativeSourceDigest()}`),
      `renew ${library} with \`node tools/build-java-native.ts\` on such a machine`,
    );
});
