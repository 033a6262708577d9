/**
 * `npm run bench`: measures Lambent against a bare limit in the same run, so that the result is a ratio.
 *
 *   npm run bench -- warm            one scenario, as a table
 *   npm run bench -- --json warm     the same, its last line JSON
 *   npm run bench -- --write         every scenario, into docs/performance.md
 *   --rounds N --seconds N           how often and how long each measurement is made
 */
import { writeFileSync } from "node:fs";
import { cpus, release, totalmem } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import type { Scenario, ScenarioResult } from "./scenario.ts";
import { cold } from "./scenarios/cold.ts";
import { store } from "./scenarios/store.ts";
import { warm } from "./scenarios/warm.ts";

const SCENARIOS: Readonly<Record<string, Scenario>> = { warm, cold, store };

function table(result: ScenarioResult): string {
  const lines = [result.columns, ...result.rows];
  const widths = result.columns.map((_, column) =>
    Math.max(...lines.map((line) => line[column]?.length ?? 0)),
  );
  const format = (line: readonly string[]): string =>
    `| ${line.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join(" | ")} |`;
  const rule = `|${widths.map((width) => "-".repeat(width + 2)).join("|")}|`;
  return [
    format(result.columns),
    rule,
    ...result.rows.map(format),
    "",
    ...result.notes.map((note) => `- ${note}`),
  ].join("\n");
}

function machine(): string {
  const [processor] = cpus();
  const memoryGib = Math.round(totalmem() / 2 ** 30);
  return `${cpus().length} × ${processor?.model ?? "unknown processor"}, ${memoryGib} GiB, ${process.platform} ${release()}, Node ${process.versions.node}`;
}

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    json: { type: "boolean" },
    write: { type: "boolean" },
    rounds: { type: "string", default: "3" },
    seconds: { type: "string", default: "3" },
  },
});
const chosen = positionals.length > 0 ? positionals : Object.keys(SCENARIOS);
const sections: string[] = [];
for (const name of chosen) {
  const scenario = SCENARIOS[name];
  if (scenario === undefined) {
    console.error(`no scenario ${name}; there are ${Object.keys(SCENARIOS).join(", ")}`);
    process.exit(2);
  }
  const result = await scenario({
    rounds: Number(values.rounds),
    secondsPerMeasurement: Number(values.seconds),
    progress: (line) => console.error(`  ${line}`),
  });
  sections.push(`## ${name}\n\n${table(result)}\n`);
  console.log(`\n${table(result)}`);
  if (values.json === true) console.log(`\n${JSON.stringify(result.json)}`);
}
if (values.write === true) {
  const text = `# Performance\n\nWritten by \`npm run bench -- --write\` on ${machine()}. Quote the ratios: the other figures are this machine's.\n\n${sections.join("\n")}`;
  writeFileSync(join(import.meta.dirname, "..", "docs", "performance.md"), text);
}
