import { type CloudWatchLogsClient, FilterLogEventsCommand } from "@aws-sdk/client-cloudwatch-logs";

/** AWS's list price in us-east-1 for x86, in dollars: "AWS Lambda pricing", without the free tier. */
const PER_REQUEST = 0.2 / 1_000_000;
const PER_GB_SECOND = 0.0000166667;

/** Of one invocation, from its REPORT line. */
interface Run {
  readonly durationMs: number;
  readonly billedMs: number;
  readonly memoryMb: number;
  readonly isCold: boolean;
}

/** The lines that a function has logged; none before its log group is there. */
export async function linesOf(
  logs: CloudWatchLogsClient,
  functionName: string,
  filterPattern: string,
): Promise<string[]> {
  const lines: string[] = [];
  let nextToken: string | undefined;
  do {
    const page = await logs
      .send(
        new FilterLogEventsCommand({
          logGroupName: `/aws/lambda/${functionName}`,
          filterPattern,
          ...(nextToken !== undefined && { nextToken }),
        }),
      )
      .catch((error: Error) => {
        if (error.name === "ResourceNotFoundException") return { events: [], nextToken: undefined };
        throw error;
      });
    lines.push(...(page.events ?? []).map(({ message }) => message ?? ""));
    nextToken = page.nextToken;
  } while (nextToken !== undefined);
  return lines;
}

/** What ran, how often, for how long, and what AWS asks for that. */
export async function costTable(
  logs: CloudWatchLogsClient,
  functionNames: readonly string[],
): Promise<string> {
  const rows: string[][] = [];
  let totalDollars = 0;
  for (const name of functionNames) {
    const runs = (await linesOf(logs, name, '"REPORT RequestId"'))
      .map(runOf)
      .filter((run) => run !== undefined);
    const dollars = runs.reduce((sum, run) => sum + dollarsOf(run), 0);
    totalDollars += dollars;
    const durations = runs.map(({ durationMs }) => durationMs).sort((a, b) => a - b);
    rows.push([
      name,
      String(runs.length),
      String(runs.filter(({ isCold }) => isCold).length),
      `${(durations[Math.floor(durations.length / 2)] ?? 0).toFixed(1)} ms`,
      `${runs.reduce((sum, { billedMs }) => sum + billedMs, 0)} ms`,
      `${runs[0]?.memoryMb ?? 0} MB`,
      `$${dollars.toFixed(9)}`,
    ]);
  }
  const header = ["function", "runs", "cold", "median", "billed", "memory", "at AWS's list price"];
  const total = ["", "", "", "", "", "", `$${totalDollars.toFixed(9)}`];
  return aligned([header, ...rows, total]);
}

function runOf(report: string): Run | undefined {
  const number = (label: string): number => Number(new RegExp(`\\t${label}: ([\\d.]+)`).exec(report)?.[1]);
  const run = {
    durationMs: number("Duration"),
    billedMs: number("Billed Duration"),
    memoryMb: number("Memory Size"),
    isCold: report.includes("Init Duration"),
  };
  return Number.isNaN(run.durationMs + run.billedMs + run.memoryMb) ? undefined : run;
}

const dollarsOf = ({ billedMs, memoryMb }: Run): number =>
  PER_REQUEST + (memoryMb / 1024) * (billedMs / 1000) * PER_GB_SECOND;

/** The first column to the left, the others to the right. */
function aligned(rows: readonly (readonly string[])[]): string {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  return rows
    .map((row) =>
      row
        .map((cell, column) =>
          column === 0 ? cell.padEnd(widths[0] ?? 0) : cell.padStart(widths[column] ?? 0),
        )
        .join("  "),
    )
    .join("\n");
}
