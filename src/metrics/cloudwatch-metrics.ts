import type { Clock } from "../ports/clock.ts";
import type { EventMetrics, FunctionMetrics } from "../ports/function-metrics.ts";
import type { KeyValueStore, LogStore } from "../ports/store.ts";
import type { UrlMetrics } from "../ports/url-metrics.ts";
import { EmbeddedMetrics } from "./embedded-metrics.ts";
import { FunctionEventMetrics } from "./event-metrics.ts";
import { InvocationMetrics } from "./invocation-metrics.ts";
import { MetricStore } from "./metric-store.ts";
import { CountedUrls } from "./url-metrics.ts";

/** Metrics of clients and of the platform, and where the platform counts. */
export interface CloudWatchMetrics {
  readonly store: MetricStore;
  readonly clock: Clock;
  /** Counts invocations. */
  readonly invocations: FunctionMetrics;
  /** Counts requests to function URLs. */
  readonly urls: UrlMetrics;
  /** Counts events of asynchronous invocations. */
  readonly events: EventMetrics;
  /** Hands what was counted so far to those who read. */
  collect(): Promise<void> | undefined;
  /** Metrics in log events that have been stored. */
  readonly embedded: EmbeddedMetrics;
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
  const urls = new CountedUrls({ store, clock });
  const events = new FunctionEventMetrics({ store, clock });
  return {
    store,
    clock,
    invocations,
    urls,
    events,
    collect: () => {
      invocations.collect();
      urls.collect();
      events.collect();
      return undefined;
    },
    embedded: new EmbeddedMetrics(store, () => clock.nowMs()),
    close: () => {
      invocations.close();
      urls.close();
      events.collect();
      return store.close();
    },
  };
}
