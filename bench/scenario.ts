import type { Picture } from "./report/picture.ts";

/** What a scenario found. Every figure that may be quoted is a ratio of two measurements of the same run. */
export interface ScenarioResult {
  /** For a person: heading and cells, one array per row. */
  readonly columns: readonly string[];
  readonly rows: readonly (readonly string[])[];
  readonly notes: readonly string[];
  /** The last line of `--json`. */
  readonly json: Readonly<Record<string, unknown>>;
  /** For docs/performance.svg. */
  readonly picture?: Picture;
}

export interface ScenarioOptions {
  readonly rounds: number;
  readonly secondsPerMeasurement: number;
  /** How many environments or functions; each scenario has its own default. */
  readonly count: number | undefined;
  progress(line: string): void;
}

export type Scenario = (options: ScenarioOptions) => Promise<ScenarioResult>;
