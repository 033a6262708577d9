import type { Clock } from "../ports/clock.ts";
import type { FunctionMetrics } from "../ports/function-metrics.ts";
import type { KeyValueStore, LogStore } from "../ports/store.ts";
import { InvocationMetrics } from "./invocation-metrics.ts";
import { MetricStore } from "./metric-store.ts";

/** Metrics of clients and of the platform, and where the platform counts. */
export interface CloudWatchMetrics {
  readonly store: MetricStore;
  readonly clock: Clock;
  /** Counts invocations. */
  readonly invocations: FunctionMetrics;
  /** Writes what was counted and stops. */
  close(): Promise<void>;
}

export interface CloudWatchMetricsOptions {
  readonly logs: LogStore;
  readonly keyValue: KeyValueStore;
  readonly clock: Clock;
}

/** Opens the metrics on a store; resolves when what was stored before is known. */
export async function openCloudWatchMetrics(options: CloudWatchMetricsOptions): Promise<CloudWatchMetrics> {
  const store = await MetricStore.open(options);
  const { clock } = options;
  const invocations = new InvocationMetrics({ store, clock });
  return {
    store,
    clock,
    invocations,
    close: () => {
      invocations.close();
      return store.close();
    },
  };
}
