/**
 * What no linter says about the repository: leftovers, files outside git, machine paths, impure time in business
 * folders, documents that lie. `npm run tidy` prints every finding and exits with 1 when there is one.
 */
import { execFileSync } from "node:child_process";
import { existsSync, readFileSync, statSync } from "node:fs";
import { dirname, join, normalize } from "node:path";
import { graphIsFresh } from "./folder-graph.ts";

const root = join(import.meta.dirname, "..");
const FILE_BYTES_MAX = 1_000_000;
const SOURCE = /^(src|runtimes|bin|tools|bench|test|examples|docs|\.ci)\/|^[^/]+$/;
const BUSINESS = /^src\/(core|ports|functions|environments|invocation|logs|iam)\//;
const TEST = /\.test\.ts$/;
/** Tests make up paths; elsewhere one is a machine's. */
const NO_TEST = /^(?!test\/)(?!.*\.test\.ts$)/;
/** This file names what it bans. */
const SELF = "tools/tidy.ts";

interface Ban {
  readonly pattern: RegExp;
  readonly files: RegExp;
  readonly why: string;
}

const BANS: readonly Ban[] = [
  { pattern: /\b(FIXME|XXX|HACK)\b/, files: SOURCE, why: "finish it, or open an issue" },
  { pattern: /\bTODO\b(?!\(#\d+\))/, files: SOURCE, why: "finish it, or name its issue: TODO(#123)" },
  { pattern: /^(<{7}|>{7}|={7})( |$)/m, files: SOURCE, why: "left over from a merge" },
  {
    pattern: /\/(home|Users)\/[a-z]\w+\/|\/work\/(main|shared)\b/,
    files: NO_TEST,
    why: "a path of one machine",
  },
  { pattern: /"resolved": "https?:/, files: /^package-lock\.json$/, why: "a registry of one machine" },
  { pattern: /\b(test|describe|it)\.only\(|\bonly: true\b/, files: TEST, why: "other tests would not run" },
  { pattern: /\bnew Date\(\)|\bDate\(\)/, files: BUSINESS, why: "take a Clock: time is handed in" },
  { pattern: /\b(oxlint|eslint)-disable(?!.*--)/, files: SOURCE, why: "say why after `--`" },
];

const findings: string[] = [];

/** Paths that `git ls-files` lists, also when the clone belongs to another user (as in containers). */
function listFiles(...parameters: string[]): string[] {
  const options = { cwd: root, encoding: "utf8", maxBuffer: 64 * 1024 * 1024 } as const;
  const output = execFileSync("git", ["-c", "safe.directory=*", "ls-files", "-z", ...parameters], options);
  return output.split("\0").filter((path) => path !== "");
}

function checkText(path: string, text: string): void {
  if (path === SELF) return;
  for (const { pattern, files, why } of BANS) {
    if (!files.test(path) || (files === BUSINESS && TEST.test(path))) continue;
    const match = pattern.exec(text);
    if (match === null) continue;
    const line = text.slice(0, match.index).split("\n").length;
    findings.push(`${path}:${line}: ${JSON.stringify(match[0])}: ${why}`);
  }
}

function anchorOf(heading: string): string {
  return heading
    .trim()
    .toLowerCase()
    .replace(/[^\p{L}\p{N}\s_-]/gu, "")
    .replace(/\s/g, "-");
}

function checkLink(path: string, target: string): void {
  const [file = "", anchor] = target.split("#");
  const resolved = file === "" ? path : normalize(join(dirname(path), decodeURI(file)));
  if (!existsSync(join(root, resolved))) {
    findings.push(`${path}: link to ${target}: there is no ${resolved}`);
    return;
  }
  if (anchor === undefined || !resolved.endsWith(".md")) return;
  const anchors = [...readFileSync(join(root, resolved), "utf8").matchAll(/^#+ (.+)$/gm)].map(
    ([, heading = ""]) => anchorOf(heading),
  );
  if (!anchors.includes(anchor)) findings.push(`${path}: link to ${target}: there is no such heading`);
}

function checkDocument(path: string, text: string): void {
  if (!text.startsWith("# ") && !text.startsWith("<")) findings.push(`${path}: begins without a title`);
  const prose = text.replace(/```[\s\S]*?```/g, "");
  for (const [, target = ""] of prose.matchAll(/\]\(([^)\s]+)\)/g))
    if (!/^[a-z]+:/.test(target)) checkLink(path, target);
}

/** Tests named in docs/compatibility.md as evidence must exist. */
function checkEvidence(): void {
  const text = readFileSync(join(root, "docs", "compatibility.md"), "utf8");
  for (const [, path = ""] of text.matchAll(/`((?:test|src|runtimes)\/[^`]*\.test\.ts)`/g))
    if (!existsSync(join(root, path)))
      findings.push(`docs/compatibility.md: names ${path}, which is not there`);
}

function checkChangelog(): void {
  const text = readFileSync(join(root, "CHANGELOG.md"), "utf8");
  const { version } = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as { version: string };
  const headings = [...text.matchAll(/^## (.+)$/gm)].map(([, heading = ""]) => heading);
  if (headings[0] !== "[Unreleased]") findings.push("CHANGELOG.md: the first section must be [Unreleased]");
  for (const heading of headings.slice(1))
    if (!/^\[\d+\.\d+\.\d+\] - \d{4}-\d{2}-\d{2}$/.test(heading))
      findings.push(`CHANGELOG.md: "${heading}" is not of the form [1.2.3] - 2026-01-31`);
  const released = headings[1]?.slice(1).split("]")[0];
  if (released !== undefined && released !== version)
    findings.push(`CHANGELOG.md: the newest release is ${released}, package.json says ${version}`);
  for (const [, heading = ""] of text.matchAll(/^### (.+)$/gm))
    if (!["Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"].includes(heading))
      findings.push(`CHANGELOG.md: "${heading}" is not a kind of change`);
}

const tracked = listFiles().filter((path) => existsSync(join(root, path)));
for (const path of listFiles("--others", "--exclude-standard")) findings.push(`${path}: not in git`);
for (const path of tracked) {
  const { size } = statSync(join(root, path));
  if (size > FILE_BYTES_MAX && path !== "package-lock.json")
    findings.push(`${path}: ${size} bytes are too many`);
  const text = readFileSync(join(root, path), "utf8");
  if (text.includes("\0")) continue;
  checkText(path, text);
  if (path.endsWith(".md")) checkDocument(path, text);
}
checkEvidence();
checkChangelog();
if (!graphIsFresh())
  findings.push("docs/architecture.md: stale folder graph: node tools/folder-graph.ts --write");

for (const finding of findings) console.log(finding);
if (findings.length > 0) process.exit(1);
console.log(`tidy: ${tracked.length} files`);
