/**
 * Proves that the boundary check bites: copies some sources, plants one violation per rule and asserts that the rule
 * meant for it reports it. dependency-cruiser can pass without looking (with another TypeScript it reads no module
 * and exits with 0), so the number of modules is asserted too.
 */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";

interface Report {
  readonly summary: {
    readonly totalCruised: number;
    readonly violations: readonly { readonly from: string; readonly rule: { readonly name: string } }[];
  };
}

/** Rule → the file in which it must be reported, and that file's text. */
const VIOLATIONS: Readonly<Record<string, readonly [path: string, text: string]>> = {
  "no-circular": [
    "src/core/circle-a.ts",
    'import type { B } from "./circle-b.ts";\nexport interface A { b: B }\n',
  ],
  "core-is-pure": ["src/core/impure.ts", 'import "node:path";\n'],
  "ports-know-only-core": [
    "src/ports/npm.ts",
    'import type { Logger } from "pino";\nexport type L = Logger;\n',
  ],
  "ports-have-no-built-in-code": [
    "src/ports/code.ts",
    'import { Server } from "node:net";\nexport const S = Server;\n',
  ],
  "adapters-are-picked-in-wiring": [
    "src/functions/adapter.ts",
    'export { systemClock } from "../adapters/clock-system/clock-system.ts";\n',
  ],
  "adapters-know-only-ports-and-core": [
    "src/adapters/clock-system/neighbour.ts",
    'export { createPinoLogger } from "../logger-pino/logger-pino.ts";\n',
  ],
  "sandbox-choice-knows-sandboxes": [
    "src/adapters/choose-sandbox-driver.ts",
    'export { createPinoLogger } from "./logger-pino/logger-pino.ts";\n',
  ],
  "business-knows-no-outside": ["src/invocation/file.ts", 'import "node:fs";\n'],
  "business-does-not-know-doors": [
    "src/invocation/door.ts",
    'export { createOperatorApi } from "../operator-api/operator-api.ts";\n',
  ],
  "doors-are-strangers": ["src/operator-api/other-door.ts", 'export { banner } from "../cli/banner.ts";\n'],
  "services-are-strangers": [
    "src/aws-api/services/lambda/neighbour.ts",
    'export { value } from "../iam/value.ts";\n',
  ],
  "aws-api-reaches-no-machine": ["src/aws-api/process.ts", 'import "node:child_process";\n'],
  "inner-doors-reach-no-machine": ["src/operator-api/file.ts", 'import "node:fs";\n'],
  "inner-parts-of-doors-know-only-ports-and-core": [
    "src/data-plane/business.ts",
    'export { value } from "../functions/value.ts";\n',
  ],
  "cli-knows-main-and-config": ["src/cli/inside.ts", 'export { value } from "../functions/value.ts";\n'],
  "config-is-read-by-main-and-cli": [
    "src/functions/settings.ts",
    'export { readConfiguration } from "../config.ts";\n',
  ],
  "config-knows-core-only": [
    "src/config.ts",
    'export { banner as readConfiguration } from "./cli/banner.ts";\n',
  ],
  "runtimes-stand-alone": ["runtimes/canary.mjs", 'import "../src/core/value.ts";\n'],
  "no-import-of-tests": ["src/core/tested.ts", 'import "../../test/value.ts";\n'],
  "no-development-package": ["src/adapters/clock-system/development.ts", 'import "yazl";\n'],
  "no-orphans": ["src/core/orphan.ts", "export const value = 1;\n"],
  "no-unresolvable": ["src/core/lost.ts", 'import "./nowhere.ts";\n'],
};

/** What the planted files import. */
const COMPANIONS: Readonly<Record<string, string>> = {
  "src/core/circle-b.ts": 'import type { A } from "./circle-a.ts";\nexport interface B { a: A }\n',
  "src/core/value.ts": "export const value = 1;\n",
  "src/functions/value.ts": "export const value = 1;\n",
  "src/aws-api/services/iam/value.ts": "export const value = 1;\n",
  "test/value.ts": "export const value = 1;\n",
};

const root = join(import.meta.dirname, "..");

function plant(directory: string): void {
  for (const copied of [
    "package.json",
    "tsconfig.json",
    ".dependency-cruiser.mjs",
    "src/ports",
    "src/core",
    "src/cli",
  ])
    cpSync(join(root, copied), join(directory, copied), { recursive: true });
  for (const copied of ["adapters/clock-system", "adapters/logger-pino", "operator-api"])
    cpSync(join(root, "src", copied), join(directory, "src", copied), { recursive: true });
  symlinkSync(join(root, "node_modules"), join(directory, "node_modules"));
  for (const [path, text] of [...Object.values(VIOLATIONS), ...Object.entries(COMPANIONS)]) {
    mkdirSync(dirname(join(directory, path)), { recursive: true });
    writeFileSync(join(directory, path), text);
  }
}

function cruise(directory: string): Report {
  const program = join(root, "node_modules", "dependency-cruiser", "bin", "dependency-cruiser.mjs");
  const parameters = [
    program,
    "src",
    "runtimes",
    "--config",
    ".dependency-cruiser.mjs",
    "--output-type",
    "json",
  ];
  const options = { cwd: directory, encoding: "utf8", maxBuffer: 256 * 1024 * 1024 } as const;
  const { stdout, stderr } = spawnSync(process.execPath, parameters, options);
  assert.ok(stdout.startsWith("{"), `dependency-cruiser did not report: ${stderr}`);
  return JSON.parse(stdout) as Report;
}

const { default: rules } = (await import(join(root, ".dependency-cruiser.mjs"))) as {
  default: { forbidden: { name: string }[] };
};
const names = rules.forbidden.map((rule) => rule.name);
assert.deepEqual(
  names.toSorted(),
  Object.keys(VIOLATIONS).toSorted(),
  "each rule needs a violation to plant",
);
const directory = mkdtempSync(join(tmpdir(), "lambent-canary-"));
try {
  plant(directory);
  const { summary } = cruise(directory);
  assert.ok(summary.totalCruised > 0, "dependency-cruiser read no module: is typescript 6 installed?");
  const caught = new Set(
    summary.violations.map((violation) => `${violation.rule.name} in ${violation.from}`),
  );
  const missed = Object.entries(VIOLATIONS)
    .map(([rule, [path]]) => `${rule} in ${path}`)
    .filter((expected) => !caught.has(expected));
  assert.deepEqual(missed, [], `not caught; caught were: ${[...caught].join(", ")}`);
} finally {
  rmSync(directory, { recursive: true });
}
console.log(`boundaries bite: ${names.length} planted violations, ${names.length} caught`);
