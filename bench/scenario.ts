/** What a scenario found. Every figure that may be quoted is a ratio of two measurements of the same run. */
export interface ScenarioResult {
  /** For a person: heading and cells, one array per row. */
  readonly columns: readonly string[];
  readonly rows: readonly (readonly string[])[];
  readonly notes: readonly string[];
  /** The last line of `--json`. */
  readonly json: Readonly<Record<string, unknown>>;
}

export interface ScenarioOptions {
  readonly rounds: number;
  readonly secondsPerMeasurement: number;
  progress(line: string): void;
}

export type Scenario = (options: ScenarioOptions) => Promise<ScenarioResult>;
