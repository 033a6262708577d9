/** What an extension may subscribe to. */
export const TELEMETRY_TYPES = ["platform", "function", "extension"] as const;
export type TelemetryType = (typeof TELEMETRY_TYPES)[number];

/** One thing that an environment tells of itself. */
export interface TelemetryEvent {
  /** Epoch milliseconds. */
  readonly timeMs: number;
  readonly category: TelemetryType;
  /** As in the event: "platform.start", "function" … */
  readonly type: string;
  readonly record: unknown;
}
