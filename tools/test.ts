/**
 * `npm test`: the checks and every test suite, one after the other, with a summary.
 *
 *   npm test                        everything
 *   npm test -- --suite unit        one suite (may be repeated)
 *   npm test -- --no-skip           a skipped test is a failure
 *
 * Files that fail while this machine is not given its processors' time are run once more, which is said.
 *
 * Its last line is `N passed, N failed`, with `, N skipped` where something was.
 */
import { spawn, spawnSync } from "node:child_process";
import { globSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { prepareMachine } from "./machine.ts";
import { StolenTime } from "./stolen-time.ts";
import type { TestResult } from "./test-reporter.ts";

interface Suite {
  readonly name: string;
  readonly about: string;
  readonly files: readonly string[];
  /** Beyond it the suite's processes are killed and the suite has failed. */
  readonly timeoutMs: number;
  readonly runnerFlags: readonly string[];
}

const MINUTE_MS = 60_000;
const TEST_TIMEOUT_MS = 5 * MINUTE_MS;
const root = join(import.meta.dirname, "..");
const stolenTime = StolenTime.watch();
/** Files that were run twice. */
const runAgain: string[] = [];
const CHECKS = ["lint", "typecheck", "boundaries", "canary", "tidy", "unused"];

const SUITES: readonly Suite[] = [
  {
    name: "unit",
    about: "rules and small parts, without sockets",
    files: ["src/**/*.test.ts", "test/support/**/*.test.ts", "tools/**/*.test.ts", "runtimes/**/*.test.ts"],
    timeoutMs: 5 * MINUTE_MS,
    // One process for all files: loading the SDK for each of them would take longer than the tests.
    runnerFlags: ["--test-isolation=none"],
  },
  {
    name: "contract",
    about: "what each adapter promises by its port, on real files and processes",
    files: ["test/contract/**/*.test.ts"],
    timeoutMs: 10 * MINUTE_MS,
    runnerFlags: ["--test-concurrency=2"],
  },
  {
    name: "conformance",
    about: "AWS's behaviour, asked for with AWS's own SDKs",
    files: ["test/conformance/**/*.test.ts"],
    timeoutMs: 15 * MINUTE_MS,
    runnerFlags: ["--test-concurrency=2"],
  },
  {
    name: "e2e",
    about: "the whole program with real functions",
    files: ["test/e2e/**/*.test.ts"],
    timeoutMs: 55 * MINUTE_MS,
    runnerFlags: ["--test-concurrency=1"],
  },
  {
    name: "security",
    about: "hostile functions and hostile requests",
    files: ["test/security/**/*.test.ts"],
    timeoutMs: 20 * MINUTE_MS,
    runnerFlags: ["--test-concurrency=1"],
  },
];

function heading(name: string, about: string): void {
  console.log(`\n== ${name}: ${about}`);
}

function runChecks(): TestResult[] {
  heading("check", CHECKS.join(", "));
  return CHECKS.map((script) => {
    const run = spawnSync("npm", ["run", "--silent", script], {
      cwd: root,
      encoding: "utf8",
      timeout: 5 * MINUTE_MS,
    });
    const passed = run.status === 0;
    if (!passed)
      console.log(`\n  FAILED npm run ${script}\n${`${run.stdout}${run.stderr}`.replace(/^/gm, "    ")}`);
    return { outcome: passed ? "passed" : "failed", name: `npm run ${script}`, file: "package.json" };
  });
}

function readResults(file: string): TestResult[] {
  return readFileSync(file, "utf8")
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line) as TestResult);
}

/** Runs a suite in a process group of its own, so that one that hangs can be ended with all it started. */
async function runFiles(
  suite: Suite,
  files: readonly string[],
  environment: NodeJS.ProcessEnv,
): Promise<{ readonly text: string; readonly isCutOff: boolean } | undefined> {
  const flags = ["--test", "--test-reporter=./tools/test-reporter.ts", `--test-timeout=${TEST_TIMEOUT_MS}`];
  const child = spawn(process.execPath, [...flags, ...suite.runnerFlags, ...files], {
    cwd: root,
    env: environment,
    stdio: ["ignore", "inherit", "inherit"],
    detached: true,
  });
  const endGroup = (): void => {
    if (child.pid !== undefined && child.exitCode === null) process.kill(-child.pid, "SIGKILL");
  };
  const interrupted = (): void => {
    endGroup();
    process.exit(130);
  };
  process.once("SIGINT", interrupted).once("SIGTERM", interrupted);
  let isCutOff = false;
  const timer = setTimeout(() => {
    isCutOff = true;
    endGroup();
  }, suite.timeoutMs);
  const code = await new Promise<number | null>((resolve) => child.on("close", resolve));
  clearTimeout(timer);
  process.off("SIGINT", interrupted).off("SIGTERM", interrupted);
  if (isCutOff) return { text: `did not end within ${suite.timeoutMs / MINUTE_MS} minutes`, isCutOff };
  return code === 0 ? undefined : { text: `test runner ended with ${code}`, isCutOff };
}

async function runSuite(suite: Suite, environment: NodeJS.ProcessEnv): Promise<TestResult[]> {
  heading(suite.name, suite.about);
  const files = suite.files.flatMap((pattern) => globSync(pattern, { cwd: root })).toSorted();
  if (files.length === 0) {
    console.log("  no test files");
    return [];
  }
  const startedAtMs = performance.now();
  let results = await resultsOf(suite, files, environment);
  const again = heldUpFiles(results);
  if (again.length > 0) {
    console.log(`\n  while ${again.join(", ")} failed this machine was not given its processors: once more`);
    runAgain.push(...again);
    const others = results.filter(({ file }) => !again.includes(withoutLine(file)));
    results = [...others, ...(await resultsOf(suite, again, environment))];
  }
  const seconds = ((performance.now() - startedAtMs) / 1000).toFixed(1);
  console.log(`  ${counts(results)} in ${files.length} files, ${seconds} s`);
  return results;
}

async function resultsOf(
  suite: Suite,
  files: readonly string[],
  environment: NodeJS.ProcessEnv,
): Promise<TestResult[]> {
  const directory = mkdtempSync(join(tmpdir(), "lambent-test-"));
  const resultsFile = join(directory, "results");
  writeFileSync(resultsFile, "");
  try {
    const problem = await runFiles(suite, files, { ...environment, LAMBENT_TEST_RESULTS: resultsFile });
    const results = readResults(resultsFile);
    // A runner that ends with a failure has told of the tests that failed; one that is cut off tells of nothing.
    const isUntold = results.every((result) => result.outcome !== "failed");
    if (problem !== undefined && (problem.isCutOff || isUntold)) {
      console.log(`  FAILED the suite ${suite.name} ${problem.text}`);
      results.push({
        outcome: "failed",
        name: `suite ${suite.name} ${problem.text}`,
        file: suite.files.join(" "),
      });
    }
    return results;
  } finally {
    rmSync(directory, { recursive: true });
  }
}

/** What a test waits for may have been held up before it began. */
const BEFORE_MS = 30_000;

const withoutLine = (place: string): string => place.replace(/:\d+$/, "");

/** Files all of whose failures fell into a time in which this machine stood still. */
function heldUpFiles(results: readonly TestResult[]): string[] {
  const failed = results.filter(({ outcome }) => outcome === "failed");
  const isHeldUp = ({ fromMs, toMs }: TestResult): boolean =>
    fromMs !== undefined && toMs !== undefined && stolenTime?.hasHeldUp(fromMs - BEFORE_MS, toMs) === true;
  const sound = new Set(failed.filter((result) => !isHeldUp(result)).map(({ file }) => withoutLine(file)));
  return [...new Set(failed.map(({ file }) => withoutLine(file)))].filter(
    (file) => file !== "" && !sound.has(file),
  );
}

function counts(results: readonly TestResult[]): string {
  const of = (outcome: TestResult["outcome"]): number =>
    results.filter((result) => result.outcome === outcome).length;
  const skipped = of("skipped");
  return `${of("passed")} passed, ${of("failed")} failed${skipped === 0 ? "" : `, ${skipped} skipped`}`;
}

function summarise(results: readonly TestResult[], noSkip: boolean): void {
  const skipped = results.filter((result) => result.outcome === "skipped");
  const failed = results.filter((result) => result.outcome === "failed");
  if (skipped.length > 0) {
    console.log(`\nSKIPPED on this machine${noSkip ? ", which is forbidden here" : ""}:`);
    for (const { name, file, reason } of skipped) console.log(`  ${name} (${file})\n    ${reason}`);
  }
  if (runAgain.length > 0)
    console.log(`\nRUN AGAIN, as this machine was held up:\n  ${runAgain.join("\n  ")}`);
  if (failed.length > 0) {
    console.log("\nFAILED:");
    for (const { name, file } of failed) console.log(`  ${name} (${file})`);
  }
  console.log(`\n${counts(results)}`);
  process.exitCode = failed.length > 0 || (noSkip && skipped.length > 0) || results.length === 0 ? 1 : 0;
}

const { values } = parseArgs({
  options: { suite: { type: "string", multiple: true }, "no-skip": { type: "boolean" } },
});
const known = ["check", ...SUITES.map((suite) => suite.name)];
const chosen = values.suite ?? known;
const unknown = chosen.filter((name) => !known.includes(name));
if (unknown.length > 0) {
  console.error(`no suite ${unknown.join(", ")}; there are ${known.join(", ")}`);
  process.exit(2);
}
const noSkip = values["no-skip"] === true || process.env.LAMBENT_NO_SKIP === "1";
const environment: NodeJS.ProcessEnv = { ...process.env, ...(noSkip ? { LAMBENT_NO_SKIP: "1" } : {}) };
if (chosen.some((name) => name !== "check" && name !== "unit")) Object.assign(environment, prepareMachine());
const results = chosen.includes("check") ? runChecks() : [];
for (const suite of SUITES)
  if (chosen.includes(suite.name)) results.push(...(await runSuite(suite, environment)));
summarise(results, noSkip);
