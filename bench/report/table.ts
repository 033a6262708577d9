/** Heading, cells and remarks of one section of the page. */
export interface Section {
  readonly name: string;
  readonly columns: readonly string[];
  readonly rows: readonly (readonly string[])[];
  readonly notes: readonly string[];
}

/** A Markdown table with its notes as a list. */
export function tableOf({ columns, rows, notes }: Omit<Section, "name">): string {
  const lines = [columns, ...rows];
  const widths = columns.map((_, column) => Math.max(...lines.map((line) => line[column]?.length ?? 0)));
  const format = (line: readonly string[]): string =>
    `| ${line.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join(" | ")} |`;
  const rule = `|${widths.map((width) => "-".repeat(width + 2)).join("|")}|`;
  return [format(columns), rule, ...rows.map(format), "", ...notes.map((note) => `- ${note}`)].join("\n");
}
