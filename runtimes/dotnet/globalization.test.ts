import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { globalizationSettings } from "./globalization.mjs";

const root = mkdtempSync(join(tmpdir(), "lambent-dotnet-icu-"));
after(() => rmSync(root, { recursive: true, force: true }));
const machine = (name: string, versions: readonly string[], libraries: readonly string[]) => {
  const prefix = join(root, name);
  for (const version of versions)
    mkdirSync(join(prefix, "shared/Microsoft.NETCore.App", version), { recursive: true });
  for (const library of libraries) writeFileSync(join(prefix, library), "");
  return globalizationSettings(join(prefix, "dotnet"), [join(root, "absent"), prefix]);
};

test("without ICU there are no cultures, instead of an end at the start", () => {
  assert.deepEqual(machine("bare", ["8.0.11"], ["libicuuc.so"]), {
    DOTNET_SYSTEM_GLOBALIZATION_INVARIANT: "1",
    DOTNET_SYSTEM_GLOBALIZATION_PREDEFINED_CULTURES_ONLY: "false",
  });
});

test(".NET Core 3.1 is told of an ICU that is newer than it is", () => {
  const newer = ["libicuuc.so.72.1", "libicuuc.so.72", "libicuuc.so.71.1"];
  assert.deepEqual(machine("old", ["3.1.23"], newer), { CLR_ICU_VERSION_OVERRIDE: "72.1" });
  assert.deepEqual(machine("old with old", ["3.1.23"], [...newer, "libicuuc.so.67.1"]), {});
  assert.deepEqual(machine("new", ["3.1.23", "8.0.11"], newer), {});
});
