import type { Configuration } from "../config.ts";
import type { IsolationReport } from "../ports/sandbox.ts";

export interface BannerFacts {
  readonly version: string;
  readonly endpoint: string;
  readonly isolation: IsolationReport;
  /** Identifiers of the runtimes found. */
  readonly runtimes: readonly string[];
  readonly configuration: Configuration;
  readonly rootCredentialsFile: string | undefined;
}

const LABEL_WIDTH = 11;
/** Of the text beside a label, so that a line fits a usual terminal. */
const TEXT_WIDTH_MAX = 96;

/** Breaks a long line at its semicolons. */
function brokenAtSemicolons(text: string): string[] {
  const lines: string[] = [];
  for (const clause of text.split("; ")) {
    const last = lines.at(-1);
    const joined = last === undefined ? clause : `${last}; ${clause}`;
    if (last === undefined || joined.length > TEXT_WIDTH_MAX) lines.push(clause);
    else lines[lines.length - 1] = joined;
  }
  return lines;
}

function entry(label: string, lines: readonly string[]): string[] {
  return lines.map((line, index) => `  ${(index === 0 ? label : "").padEnd(LABEL_WIDTH)}${line}`);
}

function credentialsHint({ configuration, rootCredentialsFile }: BannerFacts): string {
  if (configuration.authentication === "open") return "AWS_ACCESS_KEY_ID=any AWS_SECRET_ACCESS_KEY=any";
  return rootCredentialsFile === undefined
    ? "(and the root access key of your configuration)"
    : `AWS_SHARED_CREDENTIALS_FILE=${rootCredentialsFile}`;
}

/** The start-up report, one entry per line; its last line is the `ready` line that scripts wait for. */
export function banner(facts: BannerFacts): string[] {
  const { endpoint, isolation, configuration } = facts;
  const warning = isolation.isolates
    ? []
    : ["WARNING: functions are NOT isolated from this machine or from one another."];
  const runtimes = facts.runtimes.length === 0 ? "none found: no function can run" : facts.runtimes.join(" ");
  return [
    `Lambent ${facts.version}`,
    ...entry("endpoint", [endpoint]),
    ...entry("data", [configuration.dataDirectory]),
    ...entry("isolation", [...brokenAtSemicolons(isolation.summary), ...warning, ...isolation.advice]),
    ...entry("network", brokenAtSemicolons(isolation.network.summary)),
    ...entry("runtimes", [runtimes]),
    ...entry("access", [
      configuration.authentication === "open"
        ? "open: no signatures needed, this machine only"
        : "enforced: signed requests, authorized by IAM policies",
    ]),
    ...entry("next", [
      `export AWS_ENDPOINT_URL=${endpoint}`,
      `export AWS_DEFAULT_REGION=${configuration.defaultRegion} ${credentialsHint(facts)}`,
      "aws lambda list-functions",
    ]),
    `ready ${endpoint}`,
  ];
}
