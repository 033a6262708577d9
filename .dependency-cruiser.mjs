// The architecture as a checked file: `npm run boundaries`. `tools/canary.ts` plants a violation of each rule and
// fails when one is not caught. The picture is in docs/architecture.md.
const TEST = "[.]test[.]ts$";
const BUSINESS =
  "functions|environments|invocation|logs|metrics|iam|async-invocation|event-source-mappings|queues|topics|objects|buses|schedules|event-delivery";
/**
 * The files that know which adapters there are: one before anything is opened, one for the runtimes of the machine, and
 * those that open everything and put it together, in the main process and in those beside it.
 */
const WIRING = "^src/((main|data-plane-process|process-preparation|runtime-installation)[.]ts$|wiring/)";
const DOORS = "aws-api|runtime-api|operator-api|function-urls|data-plane|plain-invocations|cli";
const OUTSIDE = [
  "core",
  "npm",
  "npm-dev",
  "npm-optional",
  "npm-peer",
  "npm-no-pkg",
  "npm-unknown",
  "undetermined",
];
const PURE_BUILT_INS =
  "^(node:)?(assert|assert/strict|buffer|crypto|events|stream|stream/consumers|stream/promises|util)$";

export default {
  forbidden: [
    {
      name: "no-circular",
      severity: "error",
      comment:
        "Two files that need each other are one concept, or miss a third one that both can know. Split or join.",
      from: {},
      to: { circular: true },
    },
    {
      name: "core-is-pure",
      severity: "error",
      comment:
        "src/core holds rules that are true without any machine. What it needs from outside is a parameter.",
      from: { path: "^src/core/", pathNot: TEST },
      to: { pathNot: "^src/core/" },
    },
    {
      name: "ports-know-only-core",
      severity: "error",
      comment:
        "A port says what the inside needs, in the words of src/core. Types of node:net and node:stream are allowed, " +
        "because a sandbox hands over listeners and streams; code is not.",
      from: { path: "^src/ports/", pathNot: TEST },
      to: { pathNot: ["^src/(ports|core)/", "^(node:)?(net|stream)$"] },
    },
    {
      name: "ports-have-no-built-in-code",
      severity: "error",
      comment: "Use `import type`: a port that imports a built-in at run time has begun to implement itself.",
      from: { path: "^src/ports/", pathNot: TEST },
      to: { dependencyTypes: ["core"], dependencyTypesNot: ["type-only"] },
    },
    {
      name: "adapters-are-picked-in-wiring",
      severity: "error",
      comment:
        "Only src/wiring chooses adapters. Take the port as a parameter, and let the wiring hand it in.",
      from: { path: "^src/", pathNot: [WIRING, "^src/adapters/", TEST] },
      to: { path: "^src/adapters/" },
    },
    {
      name: "adapters-know-only-ports-and-core",
      severity: "error",
      comment:
        "An adapter turns one outside thing into a port. It needs neither another adapter nor a business folder.",
      from: { path: "^src/adapters/([^/]+)/", pathNot: TEST },
      to: { path: "^src/", pathNot: "^src/(ports|core)/|^src/adapters/$1/" },
    },
    {
      name: "sandbox-choice-knows-sandboxes",
      severity: "error",
      comment:
        "src/adapters/choose-sandbox-driver.ts picks a driver by what the machine allows, and knows nothing else. " +
        "Every other adapter is a folder.",
      from: { path: "^src/adapters/[^/]+[.]ts$", pathNot: TEST },
      to: { path: "^src/", pathNot: "^src/(ports|core)/|^src/adapters/sandbox-" },
    },
    {
      name: "business-knows-no-outside",
      severity: "error",
      comment:
        "Functions, environments, invocations, logs and IAM run without a machine: no npm package, no file, no socket, " +
        "no process. Describe what is needed as a port and write an adapter.",
      from: { path: `^src/(${BUSINESS})/`, pathNot: TEST },
      to: { dependencyTypes: OUTSIDE, pathNot: PURE_BUILT_INS },
    },
    {
      name: "business-does-not-know-doors",
      severity: "error",
      comment:
        "A door translates a protocol and calls the inside. The inside must not know how it was called.",
      from: { path: `^src/(${BUSINESS}|core|ports)/`, pathNot: TEST },
      to: { path: [`^src/(${DOORS}|config[.]ts)`, WIRING] },
    },
    {
      name: "doors-are-strangers",
      severity: "error",
      comment:
        "Each door can be taken away without another one noticing. What two doors share belongs inside.",
      from: { path: `^src/(${DOORS})/`, pathNot: TEST },
      to: { path: `^src/(${DOORS})/`, pathNot: "^src/$1/" },
    },
    {
      name: "services-are-strangers",
      severity: "error",
      comment:
        "An AWS service is a folder of handlers and nothing more. What two services share is business, not protocol.",
      from: { path: "^src/aws-api/services/([^/]+)/", pathNot: TEST },
      to: { path: "^src/aws-api/services/[^/]+/", pathNot: "^src/aws-api/services/$1/" },
    },
    {
      name: "aws-api-reaches-no-machine",
      severity: "error",
      comment:
        "The AWS API speaks HTTP and the SDK's schemas. Files, processes and databases are behind ports.",
      from: { path: "^src/aws-api/", pathNot: TEST },
      to: {
        dependencyTypes: OUTSIDE,
        pathNot: [
          PURE_BUILT_INS,
          "^(node:)?(http|net|zlib|url|querystring)$",
          "node_modules/@(smithy|aws-sdk)/",
        ],
      },
    },
    {
      name: "inner-doors-reach-no-machine",
      severity: "error",
      comment:
        "The Runtime API, the operator's API, function URLs and the data plane need HTTP and nothing else of the machine; " +
        "zod checks bodies.",
      from: { path: "^src/(runtime-api|operator-api|function-urls|data-plane)/", pathNot: TEST },
      to: {
        dependencyTypes: OUTSIDE,
        pathNot: [PURE_BUILT_INS, "^(node:)?(http|net|url)$", "^node_modules/zod/"],
      },
    },
    {
      name: "inner-parts-of-doors-know-only-ports-and-core",
      severity: "error",
      comment:
        "What processes say to one another, and how invocations stand on a socket, is told in core's words: who grants, runs, " +
        "answers and writes is handed in by the wiring.",
      from: { path: "^src/(data-plane|plain-invocations)/", pathNot: TEST },
      to: { path: "^src/", pathNot: "^src/(ports|core|$1)/" },
    },
    {
      name: "cli-knows-main-and-config",
      severity: "error",
      comment:
        "The command line reads settings and calls start(); everything else it asks over HTTP, like any client.",
      from: { path: "^src/cli/", pathNot: TEST },
      to: { path: "^src/", pathNot: ["^src/(cli/|config[.]ts$|core/|ports/)", WIRING] },
    },
    {
      name: "config-is-read-by-main-and-cli",
      severity: "error",
      comment:
        "Settings travel as parameters. A folder that reads the configuration itself cannot be tested with another one.",
      from: { path: "^src/", pathNot: [WIRING, "^src/(config[.]ts$|cli/)", TEST] },
      to: { path: "^src/config[.]ts$" },
    },
    {
      name: "config-knows-core-only",
      severity: "error",
      comment: "src/config.ts is read first, so it depends on nothing that needs it.",
      from: { path: "^src/config[.]ts$" },
      to: { path: "^src/", pathNot: "^src/core/" },
    },
    {
      name: "runtimes-stand-alone",
      severity: "error",
      comment:
        "runtimes/ runs inside the sandbox next to a stranger's code: it has only its language's own library.",
      from: { path: "^runtimes/", pathNot: TEST },
      to: { path: ["^(src|test|tools)/", "node_modules/"] },
    },
    {
      name: "no-import-of-tests",
      severity: "error",
      comment: "What the program needs is not a test.",
      from: { path: "^(src|runtimes)/", pathNot: TEST },
      to: { path: `^(test|tools|bench|examples)/|${TEST}` },
    },
    {
      name: "no-development-package",
      severity: "error",
      comment: "An installed Lambent does not have devDependencies. Move the package, or do without it.",
      from: { path: "^src/", pathNot: TEST },
      to: { dependencyTypes: ["npm-dev"], dependencyTypesNot: ["type-only"] },
    },
    {
      name: "no-orphans",
      severity: "error",
      comment: "Nobody imports this file and it imports nobody: wire it in, or delete it.",
      from: { orphan: true, path: "^src/", pathNot: ["^src/cli/main[.]ts$", TEST] },
      to: {},
    },
    {
      name: "no-unresolvable",
      severity: "error",
      comment: "The imported file or package does not exist; perhaps a package is missing from package.json.",
      from: {},
      to: { couldNotResolve: true },
    },
  ],
  options: {
    tsPreCompilationDeps: true,
    tsConfig: { fileName: "tsconfig.json" },
    doNotFollow: { path: "node_modules" },
    // The files of runtimes/ that are copied into a sandbox may name modules that exist only there.
    exclude: { path: "^runtimes/.*/test/" },
  },
};
