/** Counters and timings of the platform, exported at /metrics. Recording is cheap and never throws. */
export interface PlatformMetrics {
  invocation(sample: {
    functionName: string;
    durationMs: number;
    outcome: "ok" | "error" | "throttled";
  }): void;
  coldStart(sample: { runtime: string; durationMs: number }): void;
  environments(count: number, runtime: string): void;
  apiRequest(sample: { service: string; operation: string; status: number; durationMs: number }): void;
}
