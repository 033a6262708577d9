import assert from "node:assert/strict";
import { globSync, readFileSync } from "node:fs";
import { test } from "node:test";
import { launcherDigest, nativeLauncher, nativeLibrary, nativeSourceDigest } from "./build-java-native.ts";

for (const [what, files, mark] of [
  ["libraries", globSync(nativeLibrary("*")), `lambent-sources:${nativeSourceDigest()}`],
  ["launchers", globSync(nativeLauncher("*")), `sources ${launcherDigest()}`],
] as const)
  test(`the native ${what} of the Java client are those of their source`, () => {
    assert.ok(files.length > 0);
    for (const file of files)
      assert.ok(
        readFileSync(file).includes(mark),
        `renew ${file} with \`node tools/build-java-native.ts\` on such a machine`,
      );
  });
