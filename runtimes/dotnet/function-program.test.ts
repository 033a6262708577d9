import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { functionProgram } from "./function-program.mjs";

const root = mkdtempSync(join(tmpdir(), "lambent-dotnet-package-"));
after(() => rmSync(root, { recursive: true, force: true }));
const client = join(import.meta.dirname, "Lambent.Runtime.dll");
const start = (handler: string, more: Record<string, string> = {}) =>
  functionProgram("/dotnet", { _HANDLER: handler, LAMBDA_TASK_ROOT: root, ...more });
const library = (name: string) => ({
  command: [
    "/dotnet",
    "exec",
    "--depsfile",
    join(root, `${name}.deps.json`),
    "--runtimeconfig",
    join(root, `${name}.runtimeconfig.json`),
    client,
  ],
  bringsItsClient: false,
});

test("a class library starts with its own files, or with the only ones there are", () => {
  for (const suffix of ["deps", "runtimeconfig"]) writeFileSync(join(root, `One.${suffix}.json`), "{}");
  assert.deepEqual(start("One::A::B"), library("One"));
  assert.deepEqual(start("Other::A::B"), library("One"));
  for (const suffix of ["deps", "runtimeconfig"]) writeFileSync(join(root, `Two.${suffix}.json`), "{}");
  assert.deepEqual(start("Two::A::B"), library("Two"));
  assert.deepEqual(start("Other::A::B", { LAMBDA_DOTNET_MAIN_ASSEMBLY: "Two.dll" }), library("Two"));
  assert.throws(() => start("Other::A::B"), { exitStatus: 105 });
});

test("a handler without colons is an executable assembly or a program", () => {
  writeFileSync(join(root, "App.dll"), "");
  writeFileSync(join(root, "native"), "");
  const assembly = { command: ["/dotnet", "exec", join(root, "App.dll")], bringsItsClient: true };
  assert.deepEqual(start("App"), assembly);
  assert.deepEqual(start("App.dll"), assembly);
  assert.deepEqual(start("native"), { command: [join(root, "native")], bringsItsClient: true });
  assert.throws(() => start("absent"), { exitStatus: 104 });
  assert.throws(() => start(""), { exitStatus: 103 });
});
