import type { Clock } from "../ports/clock.ts";
import type { KeyValueStore, LogStreamStore } from "../ports/store.ts";
import { LiveTail } from "./live-tail.ts";
import { LogCatalogue } from "./log-catalogue.ts";
import { LogGroups } from "./log-groups.ts";
import { LogIngestion } from "./log-ingestion.ts";
import { LogResourcePolicies } from "./log-resource-policies.ts";
import { type BufferedLogSink, createLogSink } from "./log-sink.ts";
import { type LogMetricPoint, MetricCounts } from "./metric-counts.ts";
import { MetricFilters } from "./metric-filters.ts";
import { SubscriptionDelivery, type SubscriptionDeliveryOptions } from "./subscription-delivery.ts";
import { type LogDestination, SubscriptionFilters } from "./subscription-filters.ts";

/** Log groups, their events, and the sink through which functions write them. */
export interface CloudWatchLogs {
  readonly catalogue: LogCatalogue;
  readonly groups: LogGroups;
  readonly logs: LogStreamStore;
  readonly sink: BufferedLogSink;
  readonly clock: Clock;
  readonly ingestion: LogIngestion;
  readonly liveTail: LiveTail;
  readonly subscriptionFilters: SubscriptionFilters;
  readonly metricFilters: MetricFilters;
  readonly resourcePolicies: LogResourcePolicies;
  /** Events that match subscription filters go there from now on. */
  connect(destination: LogDestination): void;
  /** Writes what is buffered and stops the retention runs. */
  close(): Promise<void>;
}

export interface CloudWatchLogsOptions {
  readonly logs: LogStreamStore;
  readonly keyValue: KeyValueStore;
  readonly clock: Clock;
  readonly flushIntervalMs?: number;
  readonly maxBufferedBytes?: number;
  /** Told of events that match a subscription filter and reached no function. */
  readonly lost?: SubscriptionDeliveryOptions["lost"];
  /** Takes what metric filters make of events. */
  readonly count?: (point: LogMetricPoint) => void;
  /** Written as the first event of every group that has no stream yet. */
  readonly firstLineOfGroup?: string;
}

/** Opens the logs on a store; resolves when every stored group is known. Retention runs from then on. */
export async function openCloudWatchLogs(options: CloudWatchLogsOptions): Promise<CloudWatchLogs> {
  const { logs, keyValue, clock, lost = () => undefined, count, ...sinkOptions } = options;
  const catalogue = await LogCatalogue.open({ keyValue, clock });
  const groups = new LogGroups({ catalogue, logs, clock });
  const ingestion = new LogIngestion();
  const delivery = new SubscriptionDelivery({ catalogue, clock, lost });
  ingestion.subscribe((ingested) => delivery.take(ingested));
  if (count !== undefined) {
    const counts = new MetricCounts({ catalogue, count });
    ingestion.subscribe((ingested) => counts.take(ingested));
  }
  const sink = createLogSink({ catalogue, logs, clock, ingestion, ...sinkOptions });
  groups.startRetention();
  return {
    catalogue,
    groups,
    logs,
    sink,
    clock,
    ingestion,
    liveTail: new LiveTail({ ingestion, clock }),
    subscriptionFilters: new SubscriptionFilters({ groups, clock, destination: () => delivery.destination }),
    metricFilters: new MetricFilters({ groups, clock }),
    resourcePolicies: new LogResourcePolicies({ keyValue, clock }),
    connect: (destination) => delivery.connect(destination),
    close: async () => {
      delivery.close();
      await sink.close();
      await groups.stopRetention();
      await catalogue.close();
    },
  };
}
