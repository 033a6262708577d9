import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { csharpCompiler, dotnetCore31 } from "../test/support/dotnet.ts";
import { skipUnless } from "../test/support/skip.ts";
import { buildDotnetClient, compilerName, DOTNET_CLIENT, sourcesDigest } from "./build-dotnet-client.ts";

const RENEW = "renew it with `node tools/build-dotnet-client.ts`";
const assembly = readFileSync(DOTNET_CLIENT);
// The values of attributes are in the assembly as they are, each after a byte with its length.
const builtWith = /Built-With.(mcs [\d.]+)/s.exec(assembly.toString("latin1"))?.[1];

test("the assembly of the .NET client is that of its sources", () => {
  assert.ok(assembly.includes(sourcesDigest()), RENEW);
});

test("the assembly names no library of one runtime alone", () => {
  assert.ok(assembly.includes("\0netstandard\0"));
  assert.ok(!assembly.includes("System.Private."));
});

test("building the .NET client again gives the same bytes", async (t) => {
  await csharpCompiler();
  const reason = `the assembly was built with ${builtWith}, this machine has ${compilerName() ?? "no mcs"}`;
  if (!skipUnless(t, compilerName() === builtWith, reason, "apt-get install mono-mcs on Debian 12")) return;
  const { assemblies, failure = "", howTo = "" } = await dotnetCore31();
  if (!skipUnless(t, assemblies !== undefined, failure, howTo) || assemblies === undefined) return;
  assert.ok(assembly.equals(buildDotnetClient(assemblies)), RENEW);
});
